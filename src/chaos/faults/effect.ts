/** Sees whether a fault does what it is for: nobody should have to believe in one. */
import { unreachable } from '../../base/assert.ts';
import type { LinkBackend, LinkRule } from './link-backend.ts';
import type { FaultEffect } from './plan.ts';
import type { FaultProcess, FaultProcesses } from './processes.ts';

/** What disks tell of themselves. */
export interface DiskBackend {
  /** Syncs of a member that a rule has touched, since the run began; null if it cannot be asked. */
  syncsHit(name: string): Promise<number | null>;
}

export interface EffectSources {
  readonly processes: FaultProcesses;
  readonly links: LinkBackend;
  readonly disks: DiskBackend;
}

/** What was counted before the fault. */
export interface Baseline {
  /** Messages hit, by `from>to`. */
  readonly links: ReadonlyMap<string, number>;
  readonly syncs: number;
  /** Of the process that it is about. */
  readonly starts: number;
  readonly running: boolean;
}

/** Between two looks: soon at first, for most faults show within some milliseconds; then now and then, for as long as it takes. */
const firstLookMs = 2;
const earlyLookMs = 10;
const earlyMs = 500;
const lookMs = 250;

export async function baselineOf(effect: FaultEffect, sources: EffectSources): Promise<Baseline> {
  const links = new Map<string, number>();
  if (effect.type === 'links') {
    for (const { from, to, hit } of await sources.links.observed(endsOf(effect.rules))) links.set(`${from}>${to}`, hit);
  }
  const syncs = effect.type === 'disk' ? ((await sources.disks.syncsHit(effect.name)) ?? 0) : 0;
  const process = 'name' in effect ? find(effect.name, sources) : undefined;
  return { links, syncs, starts: process?.starts ?? 0, running: process?.state === 'running' };
}

/** True as soon as the fault was seen to bite; false if it is over before. */
export async function seeEffect(
  effect: FaultEffect,
  before: Baseline,
  sources: EffectSources,
  over: AbortSignal,
): Promise<boolean> {
  const startMs = performance.now();
  for (let waitMs = firstLookMs; !over.aborted; waitMs = Math.min(2 * waitMs, earlyLookMs)) {
    if (await isSeen(effect, before, sources)) return true;
    await pause(performance.now() - startMs < earlyMs ? waitMs : lookMs, over);
  }
  return false;
}

async function isSeen(effect: FaultEffect, before: Baseline, sources: EffectSources): Promise<boolean> {
  switch (effect.type) {
    case 'kill':
    case 'stop': {
      const process = find(effect.name, sources);
      return process === undefined || process.state === 'stopped' || process.starts > before.starts;
    }
    case 'restart':
      return (find(effect.name, sources)?.starts ?? 0) > before.starts;
    case 'pause':
      return find(effect.name, sources)?.isSuspended() !== false;
    case 'move-leader':
      return true; // who orders it waits for it
    case 'links':
      return linksHit(effect.rules, before, sources);
    case 'disk': {
      const process = find(effect.name, sources);
      // A sync that fails ends the member.
      if (effect.rule.error !== null && process?.state !== 'running') return true;
      return ((await sources.disks.syncsHit(effect.name)) ?? 0) > before.syncs;
    }
    default:
      return unreachable(effect);
  }
}

/** Every link that can be probed has lost or delayed a message; of those that lose few, or where nothing can be sent, one. */
async function linksHit(
  rules: readonly LinkRule[],
  before: Baseline,
  { processes, links }: EffectSources,
): Promise<boolean> {
  const awake = new Set(
    processes.all().flatMap(({ name, state, paused }) => (state === 'running' && !paused ? [name] : [])),
  );
  const live = rules.filter(({ from, to }) => awake.has(from) && awake.has(to));
  await links.probe?.(live);
  const now = new Map((await links.observed(endsOf(rules))).map(({ from, to, hit }) => [`${from}>${to}`, hit]));
  const isHit = ({ from, to }: LinkRule) => (now.get(`${from}>${to}`) ?? 0) > (before.links.get(`${from}>${to}`) ?? 0);
  const isRare = live.some(({ cut, delayMs }) => !cut && delayMs === 0);
  const probed = links.probe === undefined ? [] : live.filter(({ from }) => links.probesFrom?.(from) ?? true);
  return isRare || probed.length === 0 ? live.some(isHit) : probed.every(isHit);
}

function endsOf(rules: readonly LinkRule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ from, to }) => [from, to]));
}

function find(name: string, { processes }: EffectSources): FaultProcess | undefined {
  return processes.all().find((process) => process.name === name);
}

function pause(ms: number, over: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const finish = () => {
      clearTimeout(timer);
      over.removeEventListener('abort', finish);
      done();
    };
    const timer = setTimeout(finish, ms);
    over.addEventListener('abort', finish);
  });
}
