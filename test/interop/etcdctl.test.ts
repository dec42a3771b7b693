/** The transcript of the README, by real etcdctl 3.6.5 and Debian's 3.4.23, against `clusterctl start -f examples/Procfile`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debianEtcdctl, realProgram, run } from '../support/real-etcd.ts';

const root = resolve(import.meta.dirname, '../..');
const procfilePorts = [12379, 12380, 22379, 22380, 32379, 32380];
const programs = [
  ['etcdctl 3.6.5', realProgram('etcdctl')],
  ['etcdctl 3.4.23', debianEtcdctl()],
].filter((pair): pair is [string, string] => pair[1] !== null);

function isTaken(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}

// The ids of the article follow from its ports, so this one test cannot use others.
const busy = (await Promise.all(procfilePorts.map(isTaken))).some((taken) => taken);
const reason = busy ? ' (skipped: its ports are in use)' : programs.length === 0 ? ' (skipped: no etcdctl here)' : '';

describe.skipIf(busy || programs.length === 0)(`examples/Procfile${reason}`, () => {
  let supervisor: ChildProcess;
  let folder: string;
  let output = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clusterctl-article-'));
    supervisor = spawn(join(root, 'bin/clusterctl'), ['start', '-f', join(root, 'examples/Procfile')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await new Promise<void>((done, fail) => {
      const check = (chunk: Buffer) => {
        output += chunk.toString();
        if (output.split('ready to serve client requests').length > 3) done();
      };
      supervisor.stdout?.on('data', check);
      supervisor.stderr?.on('data', check);
      supervisor.once('exit', () => fail(new Error(`clusterctl ended\n${output}`)));
      setTimeout(() => fail(new Error(`not ready within 20 s\n${output}`)), 20_000).unref();
    });
  });

  afterAll(async () => {
    if (supervisor.exitCode === null && supervisor.signalCode === null) {
      const ended = new Promise((done) => supervisor.once('exit', done));
      supervisor.kill('SIGINT');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(programs)('is what the article shows, to %s', async (_name, etcdctl) => {
    const ctl = (port: number, ...args: string[]) =>
      run(etcdctl, [`--endpoints=http://localhost:${port}`, ...args], { ETCDCTL_API: '3' });
    expect((await ctl(22379, 'member', 'list')).stdout).toBe(
      [
        '8211f1d0f64f3269, started, infra1, http://127.0.0.1:12380, http://127.0.0.1:12379, false',
        '91bc3c398fb3c146, started, infra2, http://127.0.0.1:22380, http://127.0.0.1:22379, false',
        'fd422379fda50e48, started, infra3, http://127.0.0.1:32380, http://127.0.0.1:32379, false',
        '',
      ].join('\n'),
    );
    expect((await ctl(12379, 'put', 'foo', 'bar')).stdout).toBe('OK\n');
    expect((await ctl(32379, 'get', 'foo')).stdout).toBe('foo\nbar\n');
    expect((await ctl(12379, 'del', 'foo')).stdout).toBe('1\n');
    const status = await ctl(12379, 'endpoint', 'status', '-w', 'json');
    expect(status.stdout).toContain('"version":"3.6.5"');
    expect((await ctl(12379, 'endpoint', 'health')).code).toBe(0);
  });
});
