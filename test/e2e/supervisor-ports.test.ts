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
});
