import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAdminFolder } from '../../src/supervisor/admin-folder.ts';

let runtime: string;
const before = process.env['XDG_RUNTIME_DIR'];
beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'ctl-'));
  process.env['XDG_RUNTIME_DIR'] = runtime;
});
afterEach(() => {
  if (before === undefined) delete process.env['XDG_RUNTIME_DIR'];
  else process.env['XDG_RUNTIME_DIR'] = before;
  rmSync(runtime, { recursive: true });
});

function open() {
  const folder = openAdminFolder();
  if (!folder.ok) throw new Error(folder.error);
  return folder.value;
}

describe('the folder of admin sockets', () => {
  it('is private, has a short path for every name, and is gone when it is closed', () => {
    const folder = open();
    const path = folder.socketOf('etcd1');
    expect(path).toBe(join(runtime, 'clusterctl', `${process.pid}.admin`, 'etcd1.sock'));
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
    const names = ['etcd1', 'a/b', 'x'.repeat(200), `${'x'.repeat(199)}y`];
    const paths = names.map((name) => folder.socketOf(name));
    expect(new Set(paths).size).toBe(names.length);
    for (const one of paths) {
      expect(join(one, '..')).toBe(join(path, '..'));
      expect(one.length).toBeLessThanOrEqual(103);
    }
    folder.close();
    expect(readdirSync(join(runtime, 'clusterctl'))).toEqual([]);
  });

  it('takes away what runs that are gone have left, and nothing of those that live', () => {
    const { pid: gone } = spawnSync('true');
    const parent = join(runtime, 'clusterctl');
    const [dead, alive, own] = [`${gone}.admin`, `${process.ppid}.admin`, `${process.pid}.admin`];
    mkdirSync(parent, { mode: 0o700 });
    for (const name of [dead, alive, own]) {
      mkdirSync(join(parent, name));
      writeFileSync(join(parent, name, 'etcd1.sock.orders'), '{}');
    }
    open();
    expect(existsSync(join(parent, dead))).toBe(false);
    expect(readdirSync(join(parent, alive))).toEqual(['etcd1.sock.orders']);
    expect(readdirSync(join(parent, own))).toEqual([]);
  });
});
