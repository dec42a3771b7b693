/** HTTP/1.1 on the ports of the built member, beside gRPC; and too many clients. */
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { freePorts } from '../support/ports.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startMember(extraFlags: readonly string[] = []): Promise<TestMember> {
  const cluster = await TestCluster.create({ binaries: [bundledEtcd] });
  closers.push(() => cluster.close());
  const member = cluster.member(0);
  await member.start(extraFlags).ready;
  return member;
}

/** The status of the answer, or the code of the error. */
function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<number | string | undefined> {
  return new Promise((done) => {
    get(url, { headers, agent: false }, (response) => {
      response.resume();
      done(response.statusCode);
    }).once('error', (error: NodeJS.ErrnoException) => done(error.code));
  });
}

async function canPut(member: TestMember): Promise<boolean> {
  const client = new TestClient(member.clientUrl);
  closers.push(() => client.close());
  return (await client.put('a', 'b')).ok;
}

/** Connections that say nothing, open until the end of the test; those that the member closes are not missed. */
async function flood(member: TestMember, count: number): Promise<void> {
  const { hostname, port } = new URL(member.clientUrl);
  const connected = Array.from({ length: count }, () => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    closers.push(() => {
      socket.destroy();
    });
    return new Promise<void>((done) => socket.once('connect', done).once('close', () => done()));
  });
  await Promise.all(connected);
}

describe('the client port of the built member', () => {
  it('answers on the client URL, gRPC beside it', async () => {
    const member = await startMember();
    expect(await ask(`${member.clientUrl}/version`)).toBe(200);
    expect(await ask(`${member.clientUrl}/health`)).toBe(200);
    expect(await ask(`${member.clientUrl}/metrics`)).toBe(200);
    expect(await canPut(member)).toBe(true);
  });

  it('takes headers as long as a browser may send', async () => {
    const member = await startMember();
    expect(await ask(`${member.clientUrl}/version`, { Cookie: 'x'.repeat(100_000) })).toBe(200);
  });

  it('outlives clients that open more connections than there are file descriptors', async () => {
    const cluster = await TestCluster.create({ binaries: [bundledEtcd] });
    closers.push(() => cluster.close());
    const member = cluster.member(0);
    member.binary = join(cluster.directory, 'limited');
    writeFileSync(member.binary, `#!/bin/sh\nulimit -n 200\nexec ${bundledEtcd} "$@"\n`, { mode: 0o755 });
    await member.start().ready;
    const client = new TestClient(member.clientUrl);
    closers.push(() => client.close());
    expect((await client.put('early', 'connected')).ok).toBe(true);
    await flood(member, 250);
    // The first segment of the WAL, 64 MB, is full after these: the next one needs a descriptor.
    const value = 'x'.repeat(1_400_000);
    for (let i = 0; i < 50; i++) expect((await client.put('big', value)).ok).toBe(true);
    expect(member.process).not.toBeNull();
  });

  it('leaves the client URL to gRPC where HTTP has URLs of its own', async () => {
    const [http = 0, metrics = 0] = await freePorts(2);
    const member = await startMember([
      `--listen-client-http-urls=http://127.0.0.1:${http}`,
      `--listen-metrics-urls=http://127.0.0.1:${metrics}`,
    ]);
    expect(await ask(`${member.clientUrl}/version`)).toBe('ECONNRESET');
    expect(await canPut(member)).toBe(true);
    expect(await ask(`http://127.0.0.1:${http}/version`)).toBe(200);
    expect(await ask(`http://127.0.0.1:${metrics}/metrics`)).toBe(200);
    expect(await ask(`http://127.0.0.1:${metrics}/version`)).toBe(404);
  });
});
