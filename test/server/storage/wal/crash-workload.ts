/**
 * A random life of a WAL on a simulated disk that loses power, and the judgement on what is found afterwards: the log must be
 * a prefix of what was saved, record by record, and hold every save that was acknowledged as synced.
 */
import type { Random } from '../../../../src/base/ports.ts';
import { seededRandom } from '../../../../src/base/prng.ts';
import { type Entry, emptyConfState, emptyHardState, type HardState } from '../../../../src/proto/raftpb.ts';
import { Wal, type WalOptions, walExists } from '../../../../src/server/storage/wal/wal.ts';
import { SimDisk, type SimDiskOptions } from '../../../../src/sim/disk.ts';

export const directory = '/data/member/wal';
const metadata = Buffer.from('metadata');
const start = { index: 0, term: 0 };

/** Small enough that a short life sees several segments, and zeroing on the way. */
export const smallLimits: WalOptions = {
  segmentBytes: 16_384,
  zeroWindowBytes: 8192,
  zeroChunkBytes: 1024,
  readChunkBytes: 2048,
  monotonicMs: () => 0,
};

interface Log {
  readonly entries: readonly Entry[];
  readonly hardState: HardState;
}

const emptyLog: Log = { entries: [], hardState: emptyHardState };

/** Everything that was saved, as the log after each record. */
class History {
  readonly logs: Log[];
  /** The log must be one of `logs` from this place on. */
  acknowledged = 0;

  constructor(found: Log) {
    this.logs = [found];
  }

  latest(): Log {
    return this.logs.at(-1) ?? emptyLog;
  }

  addEntry(entry: Entry): void {
    const { entries, hardState } = this.latest();
    this.logs.push({ entries: [...entries.slice(0, entry.index - 1), entry], hardState });
  }

  addState(hardState: HardState): void {
    this.logs.push({ entries: this.latest().entries, hardState });
  }

  permits(found: Log): boolean {
    const text = print(found);
    return this.logs.slice(this.acknowledged).some((log) => print(log) === text);
  }
}

function print(log: Log): string {
  const entries = log.entries.map((e) => `${e.index}/${e.term}/${Buffer.from(e.data ?? []).toString('base64')}`);
  return `${log.hardState.term} ${log.hardState.vote} ${log.hardState.commit} ${entries.join(' ')}`;
}

export type Verdict = { readonly type: 'kept' } | { readonly type: 'broken'; readonly what: string };

export interface Life {
  readonly verdict: Verdict;
  /** Disk operations that changed something. */
  readonly operations: number;
}

/**
 * Lives through as many eras as there are crash positions plus one; in each the power fails at that operation of the era, if it gets
 * that far. The same arguments give the same life.
 */
export async function live(seed: number, crashes: readonly number[], options: SimDiskOptions = {}): Promise<Life> {
  const random = seededRandom(seed);
  const diskSeed = seed * 7919 + crashes.reduce((sum, at) => sum * 31 + at, 1);
  const disk = new SimDisk(seededRandom(diskSeed), { delay: someTurns(seededRandom(diskSeed + 1)), ...options });
  await disk.makeDirectory('/data/member');
  await disk.syncDirectory('/data');
  await disk.syncDirectory('/');
  let history = new History(emptyLog);
  for (const crash of [...crashes, null]) {
    const firstOperation = disk.operations;
    if (crash !== null) disk.crashAt(firstOperation + crash);
    const found = await appear(disk);
    if (found.type === 'broken') return { verdict: found, operations: disk.operations };
    if (found.type === 'opened') {
      if (!history.permits(found.log)) return { verdict: lost(history, found.log), operations: disk.operations };
      history = new History(found.log);
      await work(found.wal, history, random);
      await found.wal.close().catch(() => undefined);
    }
    if (crash === null) break;
    disk.crash();
    disk.restart();
  }
  const { operations } = disk;
  disk.crash();
  disk.restart();
  const last = await appear(disk);
  if (last.type === 'opened' && !history.permits(last.log)) return { verdict: lost(history, last.log), operations };
  return { verdict: last.type === 'broken' ? last : { type: 'kept' }, operations };
}

/** Operations overtake each other, as in a pool of threads. */
function someTurns(random: Random): () => Promise<void> {
  return async () => {
    for (let turns = random.below(20); turns > 0; turns--) await Promise.resolve();
  };
}

type Appearance =
  | { readonly type: 'opened'; readonly wal: Wal; readonly log: Log }
  /** The power failed while opening. */
  | { readonly type: 'down' }
  | { readonly type: 'broken'; readonly what: string };

async function appear(disk: SimDisk): Promise<Appearance> {
  try {
    if (!(await walExists(disk, directory))) {
      const wal = await Wal.create(disk, directory, metadata, smallLimits);
      return { type: 'opened', wal, log: emptyLog };
    }
  } catch {
    return { type: 'down' };
  }
  const opened = await Wal.open(disk, directory, start, smallLimits);
  if (!opened.ok) {
    return opened.error.type === 'unreadable' ? { type: 'down' } : { type: 'broken', what: opened.error.message };
  }
  const { wal, entries, hardState } = opened.value;
  return { type: 'opened', wal, log: { entries: [...entries], hardState } };
}

const savesPerEra = 24;

async function work(wal: Wal, history: History, random: Random): Promise<void> {
  let failed = false;
  for (let i = 0; i < savesPerEra && !failed; i++) {
    const saved = save(wal, history, random).catch(() => {
      failed = true;
    });
    // Some saves wait for the disk, others pile up behind it.
    if (random.below(3) > 0) await saved;
  }
  await wal.close().catch(() => undefined);
}

function save(wal: Wal, history: History, random: Random): Promise<void> {
  const acknowledges = () => {
    const saved = history.logs.length - 1;
    return () => {
      history.acknowledged = Math.max(history.acknowledged, saved);
    };
  };
  if (random.below(10) === 0) {
    const { commit, term } = history.latest().hardState;
    const snapshot = { index: commit, term, confState: commit === 0 ? null : emptyConfState };
    // Another term at index 0 would contradict the log's own first record.
    if (commit > 0) return wal.saveSnapshot(snapshot).then(acknowledges());
  }
  const entries = newEntries(history.latest(), random);
  for (const entry of entries) history.addEntry(entry);
  const state = random.below(3) === 0 ? null : nextState(history.latest(), random, entries.length > 0);
  const mustSync = entries.length > 0 || (state !== null && state.term !== history.latest().hardState.term);
  if (state !== null) history.addState(state);
  const acknowledge = acknowledges();
  return new Promise((resolve, reject) => {
    wal.save(state, entries, mustSync, (error) => {
      if (error !== null) {
        reject(error);
        return;
      }
      if (mustSync) acknowledge();
      resolve();
    });
  });
}

/** A few entries after the last, or over some that a new leader disowns. */
function newEntries(log: Log, random: Random): Entry[] {
  const count = random.below(4);
  const last = log.entries.length;
  const disowned = random.below(6) === 0 ? random.below(Math.min(3, last - log.hardState.commit) + 1) : 0;
  const term = Math.max(1, log.hardState.term) + (disowned > 0 ? 1 : 0);
  const before = log.entries[last - disowned - 1]?.term ?? 1;
  return Array.from({ length: count }, (_, i) => ({
    type: 0,
    term: Math.max(term, before),
    index: last - disowned + 1 + i,
    data: newData(random),
  }));
}

function newData(random: Random): Uint8Array | null {
  switch (random.below(5)) {
    case 0:
      return null;
    case 1:
      return Buffer.alloc(random.below(1400)); // zeros: they look like what a crash leaves
    case 2:
      return Buffer.alloc(400 + random.below(1400), random.below(255) + 1);
    default:
      return Buffer.alloc(random.below(60), random.below(255) + 1);
  }
}

function nextState(log: Log, random: Random, isNew: boolean): HardState {
  const { hardState, entries } = log;
  const lastTerm = entries.at(-1)?.term ?? 1;
  const term = isNew || random.below(4) === 0 ? Math.max(hardState.term + random.below(2), lastTerm) : hardState.term;
  const commit = Math.max(hardState.commit, random.below(entries.length + 1));
  return { term: Math.max(1, term), vote: BigInt(random.below(3)), commit };
}

function lost(history: History, found: Log): Verdict {
  const { hardState, entries } = found;
  const kept = `term ${hardState.term}, commit ${hardState.commit}, ${entries.length} entries`;
  const want = history.logs[history.acknowledged] ?? emptyLog;
  const promised = `term ${want.hardState.term}, commit ${want.hardState.commit}, ${want.entries.length} entries`;
  return { type: 'broken', what: `found ${kept}; acknowledged were ${promised}` };
}
