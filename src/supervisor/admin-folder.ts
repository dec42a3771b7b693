/** Where the bundled members of one run have their admin sockets: a private folder beside the control sockets, gone with the run. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../base/result.ts';
import { ok } from '../base/result.ts';
import { controlFolder } from './control-path.ts';
import { isAlive } from './process-alive.ts';

/** Paths of sockets end at 103 bytes on macOS, 107 on Linux. */
const socketBytesMax = 103;
const folderPattern = /^(\d+)\.admin$/;

export interface AdminFolder {
  /** The socket of the process of this name: short enough for the kernel, and the same for as long as the run lasts. */
  socketOf(name: string): string;
  /** Removes it with all that is in it. */
  close(): void;
}

/** The folder of this process, empty and of mode 0700. Those of runs that could not remove theirs go. The error says what is wrong. */
export function openAdminFolder(): Result<AdminFolder, string> {
  const parent = controlFolder();
  if (!parent.ok) return parent;
  removeLeftOver(parent.value);
  const folder = join(parent.value, `${process.pid}.admin`);
  remove(folder);
  mkdirSync(folder, { mode: 0o700 });
  return ok({ socketOf: (name) => socketIn(folder, name), close: () => remove(folder) });
}

function socketIn(folder: string, name: string): string {
  const plain = join(folder, `${encodeURIComponent(name)}.sock`);
  if (Buffer.byteLength(plain) <= socketBytesMax) return plain;
  return join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 8)}.sock`);
}

function removeLeftOver(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = folderPattern.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) remove(join(parent, name));
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
