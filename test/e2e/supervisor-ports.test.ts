import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

let installation: Installation;
let cwd: string;
let server: Server;
let port: number;

beforeAll(async () => {
  installation = await install();
});
afterAll(() => installation.remove());
beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-cwd-'));
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(cwd, { recursive: true, force: true });
});

describe.runIf(process.platform === 'linux')('a port that is in use', () => {
  it('as the PORT of a process is a warning that names who holds it', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'web: echo up\n');
    const run = new Run(installation, { cwd, args: ['start', '-b', String(port)] });
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.lines).toContain('web | up');
    expect(run.stderr).toContain(
      `clusterctl: warning: port ${port}, the PORT of web, is in use by process ${process.pid} (`,
    );
  });

  it('as the address of an etcd is an error before anything starts', async () => {
    const url = `http://127.0.0.1:${port}`;
    writeFileSync(join(cwd, 'Procfile'), `etcd1: etcd --listen-client-urls ${url} --advertise-client-urls ${url}\n`);
    const run = new Run(installation, { cwd, args: ['start'] });
    expect((await run.ended).code).toBe(1);
    expect(run.lines).toEqual([]);
    expect(run.stderr).toContain(
      `clusterctl: etcd1: port ${port} of --listen-client-urls is in use by process ${process.pid} (`,
    );
  });

  it('keeps what a reload adds from starting, and `run start` until it is free; the others run', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'web: echo up; exec sleep 60\n');
    const run = new Run(installation, { cwd, args: ['start'] });
    await run.seen(/up/);
    const url = `http://127.0.0.1:${port}`;
    const etcd = `etcd1: etcd --listen-client-urls ${url} --advertise-client-urls ${url} --listen-peer-urls=${url}\n`;
    writeFileSync(join(cwd, 'Procfile'), `web: echo up; exec sleep 60\n${etcd}more: echo more; exec sleep 60\n`);
    const command = async (...words: string[]) => {
      const one = new Run(installation, { cwd, args: words });
      return { ...(await one.ended), lines: one.lines, stderr: one.stderr };
    };
    const held = `port ${port} of --listen-client-urls is in use by process ${process.pid} (`;
    const reloaded = await command('run', 'reload');
    expect(reloaded.code).toBe(1);
    expect(reloaded.stderr).toContain(`reloaded, but not started: etcd1: ${held}`);
    await run.seen(/\| more/);
    expect(run.stderr).toContain('reloaded: more starts\n');
    expect(run.lines.join('\n')).toContain(`etcd1 | not started: ${held}`);
    expect((await command('run', 'status')).lines.map((line) => line.trim()).sort()).toEqual([
      '*more',
      '*web',
      'etcd1',
    ]);
    const refused = await command('run', 'start', 'etcd1');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`not started: etcd1: ${held}`);
    await new Promise((resolve) => server.close(resolve));
    expect((await command('run', 'start', 'etcd1')).code).toBe(0);
    await run.seen(/etcd1 \| member --listen-client-urls/);
    await run.endBy('SIGINT');
  });

  it('is told of, when an etcd ends because of it later', async () => {
    const url = `http://127.0.0.1:${port}`;
    await new Promise((resolve) => server.close(resolve));
    execFileSync('mkfifo', [join(cwd, 'fifo')]);
    // A stand-in that ends as an etcd does that cannot listen.
    writeFileSync(join(cwd, 'etcd'), '#!/bin/sh\nread line < fifo\nexit 1\n', { mode: 0o755 });
    writeFileSync(join(cwd, 'Procfile'), `etcd1: ./etcd --listen-client-urls ${url} --listen-peer-urls ${url}\n`);
    const run = new Run(installation, { cwd, args: ['start', '--exit-on-stop=false'] });
    await run.seen(/Starting etcd1/);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    writeFileSync(join(cwd, 'fifo'), 'go\n');
    await run.seen(new RegExp(`port ${port} of --listen-client-urls is in use by process ${process.pid} `));
    await run.endBy('SIGINT');
  });
});
