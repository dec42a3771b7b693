/** Flags on their way out: deprecated ones, experimental ones that got a stable name or a feature gate, and those of 3.4. */
import type { EtcdFlags } from './environment.ts';
import type { FeatureGate } from './feature-gates.ts';
import { gateEnabled, setGates } from './feature-gates.ts';
import type { EtcdFlagValues, FlagName } from './flags.ts';
import type { StartupLines } from './startup-line.ts';

/** Experimental flags that are now called without the prefix. */
const renamed = [
  'compact-hash-check-time',
  'corrupt-check-time',
  'compaction-batch-limit',
  'watch-progress-notify-interval',
  'warning-apply-duration',
  'bootstrap-defrag-threshold-megabytes',
  'memory-mlock',
  'snapshot-catchup-entries',
  'compaction-sleep-interval',
  'downgrade-check-time',
  'peer-skip-client-san-verification',
  'enable-distributed-tracing',
  'distributed-tracing-address',
  'distributed-tracing-service-name',
  'distributed-tracing-instance-id',
  'distributed-tracing-sampling-rate',
] as const satisfies readonly FlagName[];

/** Experimental flags that are now feature gates. */
const gated = {
  'experimental-stop-grpc-service-on-defrag': 'StopGRPCServiceOnDefrag',
  'experimental-initial-corrupt-check': 'InitialCorruptCheck',
  'experimental-compact-hash-check-enabled': 'CompactHashCheck',
  'experimental-txn-mode-write-with-shared-buffer': 'TxnModeWriteWithSharedBuffer',
  'experimental-enable-lease-checkpoint': 'LeaseCheckpoint',
  'experimental-enable-lease-checkpoint-persist': 'LeaseCheckpointPersist',
} as const satisfies Readonly<Partial<Record<FlagName, FeatureGate>>>;

/** The feature gate that an experimental flag has become; null for all other flags. */
export function gateOf(flag: string): FeatureGate | null {
  return gatedPairs().find(([name]) => name === flag)?.[1] ?? null;
}

/** The complaint about an experimental flag and its successor given together; null if there is none. */
export function renamedConflict(flags: EtcdFlags): string | null {
  for (const name of renamed) {
    const old = `experimental-${name}`;
    if (flags.set.has(old) && flags.set.has(name)) {
      return `cannot set --${old} and --${name} at the same time, please use --${name} only`;
    }
  }
  return null;
}

/** The complaint about an experimental flag and its gate given together; null if there is none. */
export function gatedConflict(flags: EtcdFlags): string | null {
  const gates = flags.values['feature-gates'];
  for (const [flag, gate] of gatedPairs()) {
    if (!flags.set.has(flag) || !flags.set.has('feature-gates') || !gates.has(gate)) continue;
    const setting = `--feature-gates=${gate}=${gateEnabled(gates, gate)}`;
    return `cannot specify both flags: --${flag}=${flags.values[flag]} and ${setting} at the same time, please just use ${setting}`;
  }
  return null;
}

/** The values with every experimental flag that was given moved to its successor, and flags of 3.4 to theirs. */
export function migratedValues(flags: EtcdFlags): EtcdFlagValues {
  const values: Record<string, unknown> = { ...flags.values };
  for (const name of renamed) {
    if (flags.set.has(`experimental-${name}`)) values[name] = flags.values[`experimental-${name}`];
  }
  const gates = new Map<FeatureGate, boolean>();
  for (const [flag, gate] of gatedPairs()) {
    if (flags.set.has(flag)) gates.set(gate, flags.values[flag]);
  }
  values['feature-gates'] = setGates(flags.values['feature-gates'], gates);
  if (flags.set.has('log-output') && !flags.set.has('log-outputs')) values['log-outputs'] = flags.values['log-output'];
  if (flags.values.debug && !flags.set.has('log-level')) values['log-level'] = 'debug';
  return values as EtcdFlagValues; // each value moved to a flag of the same type
}

function gatedPairs(): readonly (readonly [keyof typeof gated, FeatureGate])[] {
  return Object.entries(gated) as [keyof typeof gated, FeatureGate][]; // Object.entries forgets the keys' type
}

const decommissioned = 'and will be decommissioned in';

/** etcd's warnings about deprecated flags, word for word: operators grep for them. */
function deprecation(name: string): string | null {
  switch (name) {
    case 'snapshot-count':
    case 'max-snapshots':
      return `--${name} is deprecated in 3.6 ${decommissioned} 3.7.`;
    case 'v2-deprecation':
      return '--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input.';
    case 'experimental-compact-hash-check-enabled':
      return `--${name} is deprecated in 3.6 ${decommissioned} 3.7. Use '--feature-gates=CompactHashCheck=true' instead.`;
    case 'experimental-txn-mode-write-with-shared-buffer':
      return `--${name} is deprecated in v3.6 ${decommissioned} v3.7. Use '--feature-gates=TxnModeWriteWithSharedBuffer=true' instead.`;
    case 'experimental-compact-hash-check-time':
      return `--${name} is deprecated in 3.6 ${decommissioned} 3.7. Use '--compact-hash-check-time' instead.`;
    case 'experimental-compaction-sleep-interval':
      return `--${name} is deprecated in v3.6 ${decommissioned} v3.7. Use 'compaction-sleep-interval' instead.`;
    case 'experimental-peer-skip-client-san-verification':
      return null; // etcd has none
    default: {
      const successor = renamed.find((stable) => name === `experimental-${stable}`);
      if (successor === undefined) return null;
      if (!successor.includes('tracing')) {
        return `--${name} is deprecated in v3.6 ${decommissioned} v3.7. Use '--${successor}' instead.`;
      }
      return `--${name} is deprecated in 3.6 ${decommissioned} 3.7. Use --${successor} instead.`;
    }
  }
}

/** What becomes of each flag of 3.4. */
const legacyEffects: Readonly<Partial<Record<FlagName, string>>> = {
  debug: 'sets --log-level=debug',
  'log-output': 'sets --log-outputs',
  proxy: 'none: the v2 proxy is gone',
  'proxy-dial-timeout': 'none: the v2 proxy is gone',
  'proxy-failure-wait': 'none: the v2 proxy is gone',
  'proxy-read-timeout': 'none: the v2 proxy is gone',
  'proxy-refresh-interval': 'none: the v2 proxy is gone',
  'proxy-write-timeout': 'none: the v2 proxy is gone',
  'enable-v2': 'none: the v2 API is not served',
  'experimental-enable-v2v3': 'none: the v2 API is not served',
  'experimental-backend-bbolt-freelist-type': 'none: use --backend-bbolt-freelist-type',
  'log-package-levels': 'none: use --log-level',
};

/** Warns once for every deprecated flag that was given. */
export function warnOfDeprecated(flags: EtcdFlags, lines: StartupLines): void {
  for (const name of flags.set) {
    const message = deprecation(name);
    if (message !== null) lines.add('warn', 'config/migration.ts', message);
  }
  for (const [name, effect] of Object.entries(legacyEffects)) {
    if (!flags.set.has(name)) continue;
    lines.add('warn', 'config/migration.ts', 'accepted a flag of etcd 3.4 that 3.6 no longer has', {
      flag: `--${name}`,
      effect,
    });
  }
}
