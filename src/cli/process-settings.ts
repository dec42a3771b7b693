/** What flags and `clusterctl.yaml` together say of one process. */
import { dirname, resolve } from 'node:path';
import type { Config, Settings } from '../supervisor/config/settings.ts';
import { over, ownSettings } from '../supervisor/config/settings.ts';
import type { Spec } from '../supervisor/plan.ts';
import type { Signal } from '../supervisor/process-machine.ts';
import type { RunRequest } from './planned-specs.ts';
import { configFile } from './read-config.ts';

export interface ProcessSettings {
  /** Said of the process itself. */
  readonly own: Settings;
  /** That, over what is said of all. */
  readonly all: Settings;
  /** Absolute. */
  readonly cwd: string;
  readonly graceMs: number;
  /** Null where nothing but `--stop-signal` decides. */
  readonly stopSignal: Signal | null;
}

/** What is said of one process beats a flag, and that beats what is said of all. */
export function processSettings(spec: Spec, config: Config, { options, given }: RunRequest): ProcessSettings {
  const own = ownSettings(config, spec);
  const all = over(config.defaults, own);
  const flagged = <T>(flag: string, mine: T | null, ofAll: T | null) => mine ?? (given.has(flag) ? null : ofAll);
  return {
    own,
    all,
    cwd: all.cwd === null ? process.cwd() : resolve(dirname(configFile(options)), all.cwd),
    graceMs: flagged('grace', own.graceMs, config.defaults.graceMs) ?? options.grace,
    stopSignal: flagged('stop-signal', own.stopSignal, config.defaults.stopSignal),
  };
}
