/** Which etcd the flags choose for the processes of this installation. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Result } from '../base/result.ts';
import { ok } from '../base/result.ts';
import type { EtcdChoice } from '../supervisor/etcd-binary.ts';
import { chooseEtcd } from '../supervisor/etcd-binary.ts';
import type { Options } from './syntax.ts';

/** `path` is the PATH to build on. Unless an etcd is `needed`, it does not matter that the bundled one is not built. */
export function etcdFor(options: Options, path: string, needed: boolean): Result<EtcdChoice, string> {
  const shims = join(dirname(realpathSync(process.argv[1] ?? '.')), 'shims');
  const chosen = chooseEtcd(options.etcd, shims, path, process.cwd());
  return chosen.ok || needed ? chosen : ok({ path, description: '', close() {} });
}
