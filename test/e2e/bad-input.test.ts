/** What goes wrong when a member starts: a clear last word, the right exit code, nothing lost. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { run } from '../support/real-etcd.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function lone(): Promise<{ cluster: TestCluster; member: TestMember }> {
  const cluster = await TestCluster.create({ binaries: [bundledEtcd] });
  closers.push(() => cluster.close());
  return { cluster, member: cluster.member(0) };
}

/** Runs until the process ends by itself: its exit code, and its last log line. */
async function startAndFail(
  member: TestMember,
  extraFlags: readonly string[] = [],
): Promise<{ code: number | null; last: string }> {
  member.start(extraFlags);
  const child = member.process;
  const code = await new Promise<number | null>((done) => child?.once('close', done));
  return { code, last: member.log.trimEnd().split('\n').at(-1) ?? '' };
}

describe('starting a member', () => {
  it('refuses an unknown flag with exit code 2', async () => {
    const { code, stderr } = await run(bundledEtcd, ['--no-such-flag']);
    expect(code).toBe(2);
    expect(stderr).toContain('flag provided but not defined: -no-such-flag');
  });

  it('refuses a URL without a port with exit code 2', async () => {
    const { code, stderr } = await run(bundledEtcd, ['--listen-client-urls=http://localhost']);
    expect(code).toBe(2);
    expect(stderr).toContain('URL address does not have the form "host:port": http://localhost');
  });

  it('says which port is in use', async () => {
    const { member } = await lone();
    const { host, port } = new URL(member.options.peerUrl);
    const squatter = createServer();
    await new Promise<void>((done) => squatter.listen(Number(port), '127.0.0.1', done));
    closers.push(() => new Promise<void>((done) => squatter.close(() => done())));
    const { code, last } = await startAndFail(member);
    expect(code).toBe(1);
    expect(JSON.parse(last)).toMatchObject({
      level: 'fatal',
      error: `listen tcp ${host}: bind: address already in use`,
    });
  });

  it('refuses a data directory that another process uses, and leaves that one alone', async () => {
    const { member } = await lone();
    await member.start().ready;
    const other = await TestCluster.create({ binaries: [bundledEtcd] });
    closers.push(() => other.close());
    const intruder = other.member(0);
    const { code, stderr } = await run(bundledEtcd, [
      `--data-dir=${member.options.dataDir}`,
      `--listen-client-urls=${intruder.options.clientUrl}`,
      `--advertise-client-urls=${intruder.options.clientUrl}`,
      `--listen-peer-urls=${intruder.options.peerUrl}`,
      `--initial-advertise-peer-urls=${intruder.options.peerUrl}`,
      `--initial-cluster=default=${intruder.options.peerUrl}`,
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/"level":"fatal".*in use|"level":"fatal".*held|"level":"fatal".*lock/);
    const client = new TestClient(member.clientUrl);
    closers.push(() => client.close());
    expect((await client.put('still', 'there')).ok).toBe(true);
  });

  it('refuses a data directory that is a file', async () => {
    const { cluster, member } = await lone();
    writeFileSync(member.options.dataDir, 'not a directory');
    const { code, last } = await startAndFail(member);
    expect(code).toBe(1);
    expect(last).toContain(member.options.dataDir);
    expect(readFileSync(join(cluster.directory, 'infra1.etcd'), 'utf8')).toBe('not a directory');
  });

  it('says which folder cannot be made', async () => {
    const { member } = await lone();
    writeFileSync(`${member.options.dataDir}-file`, '');
    const folder = `${member.options.dataDir}-file/member`;
    const { code, stderr } = await run(bundledEtcd, [
      `--data-dir=${member.options.dataDir}-file`,
      `--listen-client-urls=${member.options.clientUrl}`,
      `--advertise-client-urls=${member.options.clientUrl}`,
      `--listen-peer-urls=${member.options.peerUrl}`,
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      error: `cannot access data directory: mkdir ${folder}: not a directory`,
    });
  });

  it('listens again on the Unix socket that a killed member left behind', async () => {
    const { cluster, member } = await lone();
    const onSocket = [`--listen-client-urls=unix://${cluster.directory}/client:1`];
    await member.start(onSocket).ready;
    await member.kill('SIGKILL');
    await member.start(onSocket).ready;
    // A socket that somebody answers on stays theirs.
    const other = await lone();
    const { code, last } = await startAndFail(other.member, onSocket);
    expect(code).toBe(1);
    expect(last).toContain('bind: address already in use');
  });

  it('refuses a WAL that is broken in the middle, names the place, and changes nothing', async () => {
    const { member } = await lone();
    await member.start().ready;
    const client = new TestClient(member.clientUrl);
    closers.push(() => client.close());
    for (let i = 0; i < 50; i++) await client.put(`key-${i}`, 'x'.repeat(100));
    await member.kill('SIGKILL');
    const folder = join(member.options.dataDir, 'member', 'wal');
    const name = readdirSync(folder).find((file) => file.endsWith('.wal')) ?? '';
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('key-20');
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(join(folder, name), bytes);
    const { code, last } = await startAndFail(member);
    expect(code).toBe(1);
    expect(last).toContain('corrupt');
    expect(last).toContain(name);
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
  });

  it('refuses https without a certificate, instead of serving in the clear', async () => {
    const { code, stderr } = await run(bundledEtcd, [
      '--listen-client-urls=https://127.0.0.1:0',
      '--advertise-client-urls=https://127.0.0.1:0',
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('TLS key/cert (--cert-file, --key-file) must be provided for client url');
  });

  it('prints the version that tools look for', async () => {
    const { code, stdout } = await run(bundledEtcd, ['--version']);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe('etcd Version: 3.6.5');
  });
});
