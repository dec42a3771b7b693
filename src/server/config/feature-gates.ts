/** Feature gates of 3.6.5: names, stages, defaults, and the syntax "Name=true,Other=false". */
import { parseGoBool } from '../../base/go-number.ts';
import { goQuote } from '../../base/go-quote.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';

type Stage = 'ALPHA' | 'BETA';

/** The known gates; AllAlpha and AllBeta switch every gate of their stage that is not named itself. */
const featureGates = {
  AllAlpha: { initially: false, stage: 'ALPHA' },
  AllBeta: { initially: false, stage: 'BETA' },
  CompactHashCheck: { initially: false, stage: 'ALPHA' },
  InitialCorruptCheck: { initially: false, stage: 'ALPHA' },
  LeaseCheckpoint: { initially: false, stage: 'ALPHA' },
  LeaseCheckpointPersist: { initially: false, stage: 'ALPHA' },
  SetMemberLocalAddr: { initially: false, stage: 'ALPHA' },
  StopGRPCServiceOnDefrag: { initially: false, stage: 'ALPHA' },
  TxnModeWriteWithSharedBuffer: { initially: true, stage: 'BETA' },
} as const satisfies Readonly<Record<string, { readonly initially: boolean; readonly stage: Stage }>>;

export type FeatureGate = keyof typeof featureGates;

/** Gates that the user set, directly or through AllAlpha or AllBeta. All others have their initial state. */
export type SetGates = ReadonlyMap<FeatureGate, boolean>;

export function gateEnabled(gates: SetGates, gate: FeatureGate): boolean {
  return gates.get(gate) ?? featureGates[gate].initially;
}

/** As etcd prints them in its first log line: sorted "Name=true" pairs of the gates that were set. */
export function gatesText(gates: SetGates): string {
  return [...gates]
    .map(([gate, on]) => `${gate}=${on}`)
    .sort()
    .join(',');
}

/** The state of every gate, by name, for metrics. */
export function gateStates(gates: SetGates): readonly { name: string; stage: string; enabled: boolean }[] {
  return Object.entries(featureGates).map(([name, { initially, stage }]) => {
    return { name, stage, enabled: (isGate(name) ? gates.get(name) : undefined) ?? initially };
  });
}

/** Adds what `text` says to `before`. The error is etcd's text. */
export function parseGates(text: string, before: SetGates): Result<SetGates, string> {
  const named = new Map<FeatureGate, boolean>();
  for (const pair of text.split(',')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = (equals < 0 ? pair : pair.slice(0, equals)).trim();
    if (equals < 0) return err(`missing bool value for ${name}`);
    const value = pair.slice(equals + 1).trim();
    const on = parseGoBool(value);
    if (!on.ok) {
      const reason = `strconv.ParseBool: parsing ${goQuote(value)}: invalid syntax`;
      return err(`invalid value of ${name}=${value}, err: ${reason}`);
    }
    if (!isGate(name)) return err(`unrecognized feature gate: ${name}`);
    named.set(name, on.value);
  }
  return ok(setGates(before, named));
}

/** `named` on top of `before`; a whole stage is switched only where no gate was set by name. */
export function setGates(before: SetGates, named: SetGates): SetGates {
  const gates = new Map([...before, ...named]);
  for (const [all, stage] of [['AllAlpha', 'ALPHA'] as const, ['AllBeta', 'BETA'] as const]) {
    const on = named.get(all);
    if (on === undefined) continue;
    for (const [name, spec] of Object.entries(featureGates)) {
      if (spec.stage === stage && isGate(name) && !gates.has(name)) gates.set(name, on);
    }
  }
  return gates;
}

function isGate(name: string): name is FeatureGate {
  return Object.hasOwn(featureGates, name);
}
