/** What this member does not do yet, and says so: flags without effect, and settings it must refuse. */
import type { EtcdFlags } from './environment.ts';
import type { FeatureGate } from './feature-gates.ts';
import type { EtcdFlagValues, FlagName } from './flags.ts';
import { legacyFlags } from './flags.ts';
import { gateOf } from './migration.ts';

/**
 * Flags that are accepted but change nothing yet. A member started with one says so in one line. Take a flag off this list when
 * its feature works.
 */
export const notYetEffective: ReadonlySet<FlagName> = new Set<FlagName>([
  'auth-token',
  'auth-token-ttl',
  'backend-bbolt-freelist-type',
  'bcrypt-cost',
  'distributed-tracing-address',
  'distributed-tracing-instance-id',
  'distributed-tracing-sampling-rate',
  'distributed-tracing-service-name',
  'enable-distributed-tracing',
  'enable-log-rotation',
  'enable-pprof',
  'grpc-keepalive-interval',
  'grpc-keepalive-min-time',
  'grpc-keepalive-timeout',
  'max-concurrent-streams',
  'memory-mlock',
  'raft-read-timeout',
  'raft-write-timeout',
  'socket-reuse-address',
  'socket-reuse-port',
  'unsafe-no-fsync',
  'warning-apply-duration',
  'warning-unary-request-duration',
  'watch-progress-notify-interval',
]);

/** Feature gates that change nothing yet. */
const gatesNotYetEffective: ReadonlySet<FeatureGate> = new Set<FeatureGate>(['SetMemberLocalAddr']);

/** The flags given, as "--name", that change nothing yet. An experimental flag counts as what replaced it. */
export function withoutEffect(flags: EtcdFlags): readonly string[] {
  const names: ReadonlySet<string> = notYetEffective;
  return [...flags.set].flatMap((name) => {
    if (name === 'feature-gates') return gatesWithoutEffect(flags).map((gate) => `--feature-gates=${gate}`);
    const gate = gateOf(name);
    const isWithout = gate === null ? names.has(successorOf(name)) : gatesNotYetEffective.has(gate);
    return isWithout ? [`--${name}`] : [];
  });
}

function gatesWithoutEffect(flags: EtcdFlags): readonly FeatureGate[] {
  return [...flags.values['feature-gates'].keys()].filter((gate) => gatesNotYetEffective.has(gate));
}

function successorOf(name: string): string {
  if (!name.startsWith('experimental-') || Object.hasOwn(legacyFlags, name)) return name;
  return name.slice('experimental-'.length);
}

/** Why this member must not start with these settings, because ignoring them would do something else than asked; null if it may. */
export function refusal(values: EtcdFlagValues): string | null {
  for (const flag of ['client-crl-file', 'peer-crl-file'] as const) {
    if (values[flag] !== '') return `--${flag} is not supported yet: certificates cannot be revoked`;
  }
  if (values.proxy !== 'off') return `the v2 proxy is gone from etcd 3.6: --proxy=${values.proxy} cannot be served`;
  for (const flag of ['discovery', 'discovery-srv', 'discovery-token'] as const) {
    if (values[flag] !== '') return `--${flag} is not supported yet: list the members in --initial-cluster`;
  }
  return null;
}
