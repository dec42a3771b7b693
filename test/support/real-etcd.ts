/** Real etcd's programs, where the machine has them. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.env['REAL_ETCD_DIR'] ?? '';

/** Path of a program in REAL_ETCD_DIR (etcd, etcdctl, etcdutl, etcd-last-release…), or null. */
export function realProgram(name: string): string | null {
  const path = join(folder, name);
  return folder !== '' && existsSync(path) ? path : null;
}

/** Debian's etcdctl 3.4.23, or null. */
export function debianEtcdctl(): string | null {
  return existsSync('/usr/bin/etcdctl') ? '/usr/bin/etcdctl' : null;
}

/** Debian's etcd 3.4.23, or null. */
export function debianEtcd(): string | null {
  return existsSync('/usr/bin/etcd') ? '/usr/bin/etcd' : null;
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, at most 20 s; never rejects. */
export function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Run> {
  return new Promise((done) => {
    const options = { env: { PATH: process.env['PATH'] ?? '', ...env }, timeout: 20_000 };
    execFile(program, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ code, stdout, stderr });
    });
  });
}
