/** Which `etcd` the supervised processes find first on their PATH, and how to say so. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

export interface EtcdChoice {
  /** PATH for the supervised processes. */
  readonly path: string;
  /** What `etcd` is there, in words; says so too if there is none. */
  readonly description: string;
  /** It is the member of this program, which offers an admin socket. */
  readonly isBundled: boolean;
  /** It is no script, which might run anything: so it is real etcd, unless somebody called another program so. */
  readonly isProgram: boolean;
  /** Removes what was made for it. */
  close(): void;
}

/** The programs that belong together. */
const programs = ['etcd', 'etcdctl', 'etcdutl'];

/**
 * `choice` is `bundled` (the programs in `shims`), `system` (whatever PATH has), or the path of a binary or of a folder of
 * binaries. The error says what was tried.
 */
export function chooseEtcd(choice: string, shims: string, path: string, cwd: string): Result<EtcdChoice, string> {
  if (choice === 'system') {
    const found = findOnPath('etcd', path);
    return ok({
      path,
      description: found === null ? 'no etcd on PATH' : `${found} (system)`,
      isBundled: false,
      isProgram: found !== null && isProgram(found),
      close() {},
    });
  }
  if (choice === 'bundled') {
    const bundled = join(shims, 'etcd');
    if (!isExecutable(bundled)) return err(`no bundled etcd at ${bundled}: run npm run build`);
    return ok({
      path: prepend(shims, path),
      description: `${bundled} (bundled)`,
      isBundled: true,
      isProgram: false,
      close() {},
    });
  }
  return ownEtcd(resolve(cwd, choice), path);
}

/** A private folder of links, so that nothing else of the user's folder comes before their PATH. */
function ownEtcd(target: string, path: string): Result<EtcdChoice, string> {
  if (!existsSync(target))
    return err(`--etcd: there is no ${target} (give bundled, system, or a binary or its folder)`);
  const isFolder = statSync(target).isDirectory();
  const etcd = isFolder ? join(target, 'etcd') : target;
  if (!isExecutable(etcd)) return err(`--etcd: ${etcd} is not an executable file`);

  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-'));
  symlinkSync(realpathSync(etcd), join(folder, 'etcd'));
  if (isFolder) {
    for (const name of programs.slice(1)) {
      if (isExecutable(join(target, name))) symlinkSync(realpathSync(join(target, name)), join(folder, name));
    }
  }
  return ok({
    path: prepend(folder, path),
    description: realpathSync(etcd),
    isBundled: false,
    isProgram: isProgram(etcd),
    close: () => rmSync(folder, { recursive: true, force: true }),
  });
}

function prepend(folder: string, path: string): string {
  return path === '' ? folder : `${folder}${delimiter}${path}`;
}

/** The file that a shell would run for `name`; null if none. */
function findOnPath(name: string, path: string): string | null {
  const folder = path.split(delimiter).find((one) => one !== '' && isExecutable(join(one, name)));
  return folder === undefined ? null : join(folder, name);
}

/** True if the kernel runs it without an interpreter that its first line names; false too for what may be run but not read. */
function isProgram(file: string): boolean {
  const start = Buffer.alloc(2);
  try {
    const descriptor = openSync(file, 'r');
    readSync(descriptor, start);
    closeSync(descriptor);
  } catch {
    return false;
  }
  return start.toString('latin1') !== '#!';
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
