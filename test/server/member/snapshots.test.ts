import { afterEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/base/prng.ts';
import { newPutRequest } from '../../../src/proto/etcdserverpb-kv.ts';
import { encodePutRequest } from '../../../src/proto/etcdserverpb-kv-requests.ts';
import { internalField } from '../../../src/proto/raft-internal.ts';
import { emptyConfState, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { MemoryStorage } from '../../../src/raft/storage.ts';
import { type SnapshotSettings, Snapshots } from '../../../src/server/member/snapshots.ts';
import { loadNewestSnapshot } from '../../../src/server/storage/snapshot/snapshot-files.ts';
import { validSnapshots } from '../../../src/server/storage/wal/read.ts';
import { Wal } from '../../../src/server/storage/wal/wal.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { AppliedState, request } from '../../support/applied-state.ts';
import { notedMaintenance } from '../../support/maintenance-metrics.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { openOn } from '../storage/backend/backends.ts';

const directory = '/data';
const term = 3;
const turn = () => new Promise((done) => setImmediate(done));

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The log, the database and the snapshots of a member that applies what it is told to. */
class Bench {
  readonly disk = new SimDisk(seededRandom(1));
  readonly clock = new ManualClock();
  readonly storage = new MemoryStorage();
  readonly snapshots: Snapshots;
  readonly failures: Error[] = [];
  readonly notes: string[] = [];
  private readonly wal: Wal;
  private readonly applied: AppliedState;

  private constructor(disk: SimDisk, wal: Wal, applied: AppliedState, settings: Partial<SnapshotSettings>) {
    this.disk = disk;
    this.wal = wal;
    this.applied = applied;
    const all = { snapshotCount: 10, catchupEntries: 5, maxSnapshots: 0, maxWals: 0, ...settings };
    this.snapshots = new Snapshots(all, 0, {
      clock: this.clock,
      disk,
      logger: silentLogger,
      metrics: notedMaintenance(this.notes),
      wal,
      directory,
      storage: this.storage,
      state: () => applied.state,
      saveCommit: () => wal.save({ term, vote: 0n, commit: applied.appliedIndex }, [], false, () => undefined),
      failed: (error) => this.failures.push(error),
    });
  }

  static async open(settings: Partial<SnapshotSettings> = {}): Promise<Bench> {
    const disk = new SimDisk(seededRandom(1));
    await disk.makeDirectory(directory);
    const { backend } = await openOn(disk);
    const applied = await AppliedState.over(backend);
    const limits = { segmentBytes: 2048, zeroWindowBytes: 0, monotonicMs: () => 0 };
    const wal = await Wal.create(disk, `${directory}/wal`, Buffer.from('metadata'), limits);
    const bench = new Bench(disk, wal, applied, settings);
    closers.push(async () => {
      await bench.snapshots.stop();
      await backend.close();
      await wal.close();
    });
    return bench;
  }

  /** Saves, commits and applies entries up to this index, a few at a time. */
  async applyTo(index: number, batch = 1): Promise<void> {
    while (this.applied.appliedIndex < index) {
      const first = this.applied.appliedIndex + 1;
      const count = Math.min(batch, index - first + 1);
      const value = Buffer.alloc(100, 65 + (first % 26));
      const put = request(internalField.put, encodePutRequest(newPutRequest({ key: Buffer.from('k'), value })));
      const entries = Array.from({ length: count }, (_, i) => ({ ...put, term, index: first + i }));
      const error = await new Promise((done) =>
        this.wal.save({ term, vote: 0n, commit: first - 1 }, entries, true, done),
      );
      if (error !== null) throw error;
      this.storage.append(entries);
      for (const entry of entries) this.applied.apply(entry);
      this.snapshots.applied();
      // A snapshot that is being taken puts off the next.
      for (let turns = 0; turns < 12; turns++) await turn();
    }
  }

  async files(suffix: string): Promise<string[]> {
    return (await this.disk.list(directory)).filter((name) => name.endsWith(suffix));
  }

  /** Indexes of the .snap files. */
  async indexes(): Promise<number[]> {
    return (await this.files('.snap')).map((name) => Number.parseInt(name.slice(17, 33), 16));
  }

  segments(): Promise<string[]> {
    return this.disk.list(`${directory}/wal`);
  }
}

describe('a snapshot', () => {
  it('is taken when more entries than --snapshot-count were applied since the last', async () => {
    const bench = await Bench.open({ snapshotCount: 10 });
    await bench.applyTo(10);
    expect(await bench.indexes()).toEqual([]);
    await bench.applyTo(11);
    expect(await bench.indexes()).toEqual([11]);
    await bench.applyTo(21);
    expect(await bench.indexes()).toEqual([11]);
    await bench.applyTo(40, 6);
    expect(await bench.indexes()).toEqual([11, 27, 39]);
  });

  it('is one that the next start takes: the log knows it, and that it is committed', async () => {
    const bench = await Bench.open();
    await bench.applyTo(12, 12);
    const known = await validSnapshots(bench.disk, `${directory}/wal`);
    expect(known.ok && known.value.map(({ index }) => index)).toEqual([0, 12]);
    const { snapshot } = await loadNewestSnapshot(bench.disk, directory, () => true);
    expect(snapshot?.metadata).toMatchObject({ index: 12, term });
  });

  it('ends the member if it cannot be written', async () => {
    const bench = await Bench.open();
    await bench.applyTo(10);
    for (let i = 0; i < 4; i++)
      await bench.disk.makeDirectory(`${directory}/0000000000000003-000000000000000b.snap/${i}`);
    await bench.applyTo(11);
    expect(bench.failures.map(String)).toEqual([expect.stringMatching(/ENOTEMPTY/)]);
  });
});

describe('the log in memory', () => {
  it('is cut in steps of a hundred entries, but for --snapshot-catchup-entries', async () => {
    const bench = await Bench.open({ snapshotCount: 1000, catchupEntries: 5 });
    await bench.applyTo(105, 35);
    expect(bench.storage.firstIndex()).toBe(1);
    await bench.applyTo(106);
    expect(bench.storage.firstIndex()).toBe(102);
    expect(bench.storage.lastIndex()).toBe(106);
    // Whoever needs what is gone gets a database that the log goes on from.
    const snapshot = bench.storage.snapshot();
    expect(snapshot.ok && snapshot.value.metadata.index).toBe(106);
    await bench.applyTo(206, 10);
    expect(bench.storage.firstIndex()).toBe(102);
    await bench.applyTo(207);
    expect(bench.storage.firstIndex()).toBe(203);
    expect(await bench.indexes()).toEqual([]);
  });
});

describe('a database for a follower', () => {
  const message = newMessage(messageType.snap, 1n, 2n, { term });

  it('keeps the log whole while it is on its way, and half a minute after', async () => {
    const bench = await Bench.open({ snapshotCount: 1000, catchupEntries: 5 });
    await bench.applyTo(50, 25);
    const first = await bench.snapshots.outgoing(message);
    const second = await bench.snapshots.outgoing(message);
    expect(first.message.snapshot?.metadata.index).toBe(50);
    await bench.applyTo(150, 25);
    await first.sent();
    await bench.clock.advance(30_000);
    await bench.applyTo(175, 25);
    expect(bench.storage.firstIndex()).toBe(1);
    await second.sent();
    await bench.clock.advance(29_999);
    await bench.applyTo(200, 25);
    expect(bench.storage.firstIndex()).toBe(1);
    await bench.clock.advance(1);
    await bench.applyTo(201);
    expect(bench.storage.firstIndex()).toBe(197);
  });

  it('that nobody reads, or not to its end, is given back', async () => {
    const bench = await Bench.open();
    await bench.applyTo(5);
    for (const reads of [0, 1]) {
      const { database, sent } = await bench.snapshots.outgoing(message);
      const pieces = database[Symbol.asyncIterator]();
      for (let i = 0; i < reads; i++) expect(await pieces.next()).toMatchObject({ done: false });
      await sent();
      expect(await pieces.next()).toEqual({ done: true, value: undefined });
    }
  });
});

describe('every thirty seconds', () => {
  it('snapshots beyond --max-snapshots and released segments beyond --max-wals go, the oldest first', async () => {
    const bench = await Bench.open({ maxSnapshots: 2, maxWals: 2 });
    await bench.applyTo(60);
    const before = await bench.segments();
    expect(before.length).toBeGreaterThan(4);
    await bench.clock.advance(29_999);
    expect(await bench.segments()).toEqual(before);
    await bench.clock.advance(1);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(await bench.indexes()).toEqual([44, 55]);
    expect(await bench.segments()).toEqual(before.slice(-2));
  });

  it('segments that the newest snapshot does not cover stay, however many', async () => {
    const bench = await Bench.open({ snapshotCount: 1000, maxWals: 1 });
    await bench.applyTo(60);
    const before = await bench.segments();
    await bench.clock.advance(30_000);
    expect(await bench.segments()).toEqual(before);
  });

  it('nothing goes where 0 is no limit', async () => {
    const bench = await Bench.open({ maxSnapshots: 0, maxWals: 0 });
    await bench.applyTo(60);
    const before = await bench.segments();
    await bench.clock.advance(60_000);
    expect(await bench.segments()).toEqual(before);
    expect(await bench.indexes()).toEqual([11, 22, 33, 44, 55]);
  });
});

describe('a database of the leader', () => {
  async function* content(text: string) {
    yield Buffer.from(text);
  }
  const messageAt = (index: number) => {
    const snapshot = { data: null, metadata: { confState: emptyConfState, index, term } };
    return newMessage(messageType.snap, 2n, 1n, { term, snapshot });
  };

  it('that was never installed goes with the next snapshot of one’s own', async () => {
    const bench = await Bench.open();
    await bench.snapshots.receive(messageAt(5), content('old'));
    await bench.snapshots.receive(messageAt(200), content('of the future'));
    expect(await bench.files('.snap.db')).toEqual(['0000000000000005.snap.db', '00000000000000c8.snap.db']);
    await bench.applyTo(11);
    expect(await bench.files('.snap.db')).toEqual(['00000000000000c8.snap.db']);
  });

  it('that breaks off leaves nothing behind', async () => {
    const bench = await Bench.open();
    async function* broken() {
      yield Buffer.from('half');
      throw new Error('the leader is gone');
    }
    await expect(bench.snapshots.receive(messageAt(5), broken())).rejects.toThrow('the leader is gone');
    expect(await bench.disk.list(directory)).toEqual(['db', 'wal']);
  });
});
