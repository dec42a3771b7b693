/** Which etcd the flags choose for the processes of this installation. */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { EtcdChoice } from '../supervisor/etcd-binary.ts';
import { chooseEtcd } from '../supervisor/etcd-binary.ts';
import type { Options } from './syntax.ts';

/** `path` is the PATH to build on. Unless an etcd is `needed`, it does not matter that the bundled one is not built. */
export function etcdFor(options: Options, path: string, needed: boolean): Result<EtcdChoice, string> {
  const chosen = chooseEtcd(options.etcd, shims(), path, process.cwd());
  return chosen.ok || needed ? chosen : ok({ path, description: '', isBundled: false, isProgram: false, close() {} });
}

/** The folder, to last, that must come first in a PATH for the chosen etcd to be found; null if PATH is left alone. */
export function etcdFolder(options: Options): Result<string | null, string> {
  // Makes the checks; what it lays out for the processes of a run is gone when that ends.
  const chosen = chooseEtcd(options.etcd, shims(), '', process.cwd());
  if (!chosen.ok) return chosen;
  chosen.value.close();
  if (options.etcd === 'system') return ok(null);
  if (options.etcd === 'bundled') return ok(shims());
  const target = resolve(options.etcd);
  if (statSync(target).isDirectory()) return ok(target);
  return basename(target) === 'etcd'
    ? ok(dirname(target))
    : err(`--etcd: ${target} must be called etcd to be exported`);
}

function shims(): string {
  return join(dirname(realpathSync(process.argv[1] ?? '.')), 'shims');
}
