import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

let installation: Installation;
let cwd: string;

beforeAll(async () => {
  installation = await install();
});
afterAll(() => installation.remove());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-cwd-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

async function clusterctl(...args: string[]) {
  const run = new Run(installation, { cwd, args });
  const { code } = await run.ended;
  return { code, lines: run.lines, stderr: run.stderr };
}

describe('.goreman and .foreman', () => {
  it('set flags, and the command line beats them', async () => {
    mkdirSync(join(cwd, 'sub'));
    writeFileSync(join(cwd, 'sub/Procfile.dev'), 'a: echo $PORT\n');
    writeFileSync(join(cwd, '.goreman'), 'procfile: Procfile.dev\nbasedir: sub\nbaseport: 6000\n');
    writeFileSync(join(cwd, '.foreman'), 'port: 7000\ntimestamp: false\n');
    expect((await clusterctl('start')).lines).toContain('a | 6000');
    expect((await clusterctl('-b', '6100', 'start')).lines).toContain('a | 6100');
    expect((await clusterctl('check')).lines).toEqual(['valid procfile detected (a)']);
    expect((await clusterctl('env', '--explain', '-b', '1')).lines).toEqual([
      '.goreman:1: --procfile Procfile.dev (used)',
      '.goreman:2: --basedir sub (used)',
      '.goreman:3: --base-port 6000 (not used: --base-port of the command line has it)',
      '.foreman:1: --base-port 7000 (not used: --base-port of the command line has it)',
      '.foreman:2: --timestamps false (used)',
    ]);
  });

  it('stop a command when they are wrong, and say where', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: true\n');
    writeFileSync(join(cwd, '.foreman'), 'prot: 1\ntimeout: soon\n');
    const { code, stderr } = await clusterctl('start');
    expect(code).toBe(2);
    expect(stderr.split('\n')).toEqual([
      'clusterctl: .foreman:1:1: warning: unknown setting prot is ignored: did you mean port?',
      'clusterctl: .foreman:2:10: timeout: expected a duration such as 10s, 500ms or 1m',
      '',
    ]);
    expect((await clusterctl('version')).code).toBe(0);
  });
});
