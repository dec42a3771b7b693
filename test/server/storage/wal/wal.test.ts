/** What callers of the WAL rely on besides that it survives: order, grouping, failure, segments. */
import { describe, expect, it } from 'vitest';
import type { Disk, DiskFile } from '../../../../src/base/ports.ts';
import { seededRandom } from '../../../../src/base/prng.ts';
import type { Entry } from '../../../../src/proto/raftpb.ts';
import { readLog } from '../../../../src/server/storage/wal/read.ts';
import { Wal, type WalOptions, walExists } from '../../../../src/server/storage/wal/wal.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

const directory = '/data/wal';
const start = { index: 0, term: 0 };
const metadata = Buffer.from('metadata');
const noZeros: WalOptions = { segmentBytes: 8192, zeroWindowBytes: 0 };

function entry(index: number, bytes = 20): Entry {
  return { type: 0, term: 1, index, data: Buffer.alloc(bytes, index) };
}

function saved(wal: Wal, entries: readonly Entry[]): Promise<Error | null> {
  return new Promise((done) => wal.save(null, entries, true, done));
}

/** Writes down what is asked of the files, as "write 120", "datasync". */
function spied(disk: Disk, calls: string[]): Disk {
  const spy = (file: DiskFile): DiskFile => ({
    read: (buffer, position) => file.read(buffer, position),
    writev: (buffers, position) => {
      calls.push(`write ${buffers.reduce((sum, { length }) => sum + length, 0)}`);
      return file.writev(buffers, position);
    },
    writeNow: (bytes, position) => file.writeNow(bytes, position),
    readNow: (buffer, position) => file.readNow(buffer, position),
    datasync: () => {
      calls.push('datasync');
      return file.datasync();
    },
    sync: () => file.sync(),
    truncate: (length) => file.truncate(length),
    size: () => file.size(),
    identity: () => file.identity(),
    close: () => file.close(),
  });
  return Object.assign(Object.create(disk) as Disk, {
    open: async (path: string, mode: 'read' | 'readWrite' | 'create') => spy(await disk.open(path, mode)),
  });
}

describe('saving', () => {
  it('writes and syncs once for all saves of a turn, and once for all that came meanwhile', async () => {
    const calls: string[] = [];
    const wal = await Wal.create(spied(new SimDisk(seededRandom(1)), calls), directory, metadata, noZeros);
    calls.length = 0;
    const order: number[] = [];
    const all = Array.from({ length: 10 }, (_, i) => saved(wal, [entry(i + 1)]).then(() => order.push(i + 1)));
    await Promise.resolve().then(() => undefined);
    await Promise.resolve();
    for (let i = 11; i <= 30; i++) all.push(saved(wal, [entry(i)]).then(() => order.push(i)));
    await Promise.all(all);
    expect(calls).toEqual(['write 480', 'datasync', 'write 960', 'datasync']);
    expect(order).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    await wal.close();
  });

  it('writes a commit index without a sync, which the next close makes up for', async () => {
    const calls: string[] = [];
    const disk = new SimDisk(seededRandom(1));
    const wal = await Wal.create(spied(disk, calls), directory, metadata, noZeros);
    calls.length = 0;
    const hardState = { term: 1, vote: 1n, commit: 7 };
    await new Promise((done) => wal.save(hardState, [], false, done));
    expect(calls).toEqual(['write 24']);
    await wal.close();
    expect(calls).toEqual(['write 24', 'datasync']);
    expect(await readLog(disk, directory, start)).toMatchObject({ ok: true, value: { hardState } });
  });

  it('reports each write and sync to the hooks', async () => {
    const seen: string[] = [];
    let now = 0;
    const options: WalOptions = {
      ...noZeros,
      monotonicMs: () => now++,
      onWrite: (bytes, ms) => seen.push(`write ${bytes} ${ms}`),
      onSync: (ms) => seen.push(`sync ${ms}`),
    };
    const wal = await Wal.create(new SimDisk(seededRandom(1)), directory, metadata, options);
    seen.length = 0;
    await saved(wal, [entry(1)]);
    expect(seen).toEqual(['write 48 1', 'sync 1']);
    await wal.close();
  });

  it('never calls back before save returns', async () => {
    const wal = await Wal.create(new SimDisk(seededRandom(1)), directory, metadata, noZeros);
    await wal.close();
    let returned = false;
    const error = await new Promise<Error | null>((resolve, reject) => {
      wal.save(null, [entry(1)], true, (failure) => (returned ? resolve(failure) : reject(new Error('too early'))));
      returned = true;
    });
    expect(error?.message).toBe('WAL /data/wal is closed');
  });
});

describe('a write or sync that fails', () => {
  it.each(['write', 'datasync'])('fails the WAL for good (%s)', async (operation) => {
    const disk = new SimDisk(seededRandom(1));
    const calls: string[] = [];
    const wal = await Wal.create(spied(disk, calls), directory, metadata, noZeros);
    expect(await saved(wal, [entry(1)])).toBe(null);
    disk.failAt(disk.operations + (operation === 'write' ? 0 : 1), 'EIO');
    calls.length = 0;
    const failures = [saved(wal, [entry(2)]), saved(wal, [entry(3)])];
    for (const failure of failures) {
      expect((await failure)?.message).toBe('WAL /data/wal failed: EIO: injected failure');
    }
    expect((await saved(wal, [entry(4)]))?.message).toBe('WAL /data/wal failed: EIO: injected failure');
    await expect(wal.saveSnapshot({ index: 0, term: 0, confState: null })).rejects.toThrow('EIO');
    await wal.close();
    // The failed operation is not tried again, and nothing follows it.
    expect(calls).toEqual(operation === 'write' ? ['write 96'] : ['write 96', 'datasync']);
  });

  it('fails the WAL also if it was a sync of zeros in the background', async () => {
    const disk = new SimDisk(seededRandom(1));
    const options: WalOptions = { segmentBytes: 65_536, zeroWindowBytes: 8192, zeroChunkBytes: 8192 };
    const wal = await Wal.create(disk, directory, metadata, options);
    // The save's write and sync, the zeros' write and sync.
    disk.failAt(disk.operations + 3, 'EIO');
    expect(await saved(wal, [entry(1)])).toBe(null);
    await expect.poll(() => saved(wal, [entry(2)])).toBeInstanceOf(Error);
    await wal.close();
  });

  it('goes on without zeros when there is no space for them', async () => {
    const disk = new SimDisk(seededRandom(1));
    const options: WalOptions = { segmentBytes: 65_536, zeroWindowBytes: 8192, zeroChunkBytes: 8192 };
    const wal = await Wal.create(disk, directory, metadata, options);
    disk.failAt(disk.operations + 2, 'ENOSPC');
    for (let i = 1; i < 100; i++) expect(await saved(wal, [entry(i)])).toBe(null);
    await wal.close();
  });
});

describe('bytes that wait for the disk', () => {
  it('are limited: what exceeds the limit fails the WAL, for it would leave a gap', async () => {
    const wal = await Wal.create(new SimDisk(seededRandom(1)), directory, metadata, {
      ...noZeros,
      pendingBytesMax: 48,
    });
    const atLimit = saved(wal, [entry(1)]);
    expect(wal.pendingBytes).toBe(48);
    const beyond = saved(wal, [entry(2)]);
    expect(await Promise.all([atLimit, beyond])).toEqual([expect.any(Error), expect.any(Error)]);
    expect((await beyond)?.message).toContain('more than 48 bytes wait for the disk');
    await wal.close();
  });
});

describe('segments', () => {
  async function fill(disk: Disk, entries: number): Promise<Wal> {
    const wal = await Wal.create(disk, directory, metadata, noZeros);
    await new Promise((done) => wal.save({ term: 1, vote: 2n, commit: 0 }, [], true, done));
    for (let i = 1; i <= entries; i++) expect(await saved(wal, [entry(i, 1000)])).toBe(null);
    return wal;
  }

  it('are cut after the save that fills them, trimmed, and named by sequence and next index', async () => {
    const disk = new SimDisk(seededRandom(1));
    const wal = await fill(disk, 20);
    await wal.close();
    expect(await disk.list(directory)).toEqual([
      '0000000000000000-0000000000000000.wal',
      '0000000000000001-0000000000000009.wal',
      '0000000000000002-0000000000000011.wal',
    ]);
    const file = await disk.open(`${directory}/0000000000000000-0000000000000000.wal`, 'read');
    // head 72, state 24, 8 entries of 1000 bytes in frames of 1032
    expect(await file.size()).toBe(72 + 24 + 8 * 1032);
    const log = await readLog(disk, directory, start);
    expect(log).toMatchObject({ ok: true, value: { hardState: { term: 1, vote: 2n, commit: 0 } } });
    expect(log.ok && log.value.entries.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('keep saves whole when many are made at once', async () => {
    const disk = new SimDisk(seededRandom(1));
    const wal = await Wal.create(disk, directory, metadata, noZeros);
    await Promise.all(Array.from({ length: 200 }, (_, i) => saved(wal, [entry(i + 1, 300)])));
    await wal.close();
    const log = await readLog(disk, directory, start);
    expect(log.ok && log.value.entries.length).toBe(200);
    expect((await disk.list(directory)).length).toBe(9);
  });

  it('are removed once released, oldest first, down to the number to keep', async () => {
    const disk = new SimDisk(seededRandom(1));
    const wal = await fill(disk, 41);
    const names = (await disk.list(directory)).filter((name) => name.endsWith('.wal'));
    expect(names.length).toBe(6);
    expect(await wal.purge(2)).toEqual([]);
    await wal.saveSnapshot({
      index: 20,
      term: 1,
      confState: { voters: [2n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    });
    wal.releaseTo(20);
    // Index 20 is in the third segment, which must stay.
    expect(await wal.purge(5)).toEqual(names.slice(0, 1));
    expect(await wal.purge(1)).toEqual(names.slice(1, 2));
    await wal.close();
    const log = await readLog(disk, directory, { index: 20, term: 1 });
    expect(log.ok && log.value.entries[0]?.index).toBe(21);
    const tooOld = await readLog(disk, directory, start);
    expect(!tooOld.ok && tooOld.error.message).toBe(
      "the WAL in /data/wal starts at index 17, after the snapshot's index 0",
    );
  });

  it('may not be missing in between', async () => {
    const disk = new SimDisk(seededRandom(1));
    await (await fill(disk, 30)).close();
    await disk.remove(`${directory}/0000000000000001-0000000000000009.wal`);
    const opened = await Wal.open(disk, directory, start);
    expect(!opened.ok && opened.error).toMatchObject({
      type: 'notFound',
      message:
        'the WAL in /data/wal has a gap: 0000000000000000-0000000000000000.wal is followed by 0000000000000002-0000000000000011.wal',
    });
  });
});

describe('creating', () => {
  it('refuses to replace a log', async () => {
    const disk = new SimDisk(seededRandom(1));
    await (await Wal.create(disk, directory, metadata, noZeros)).close();
    expect(await walExists(disk, directory)).toBe(true);
    await expect(Wal.create(disk, directory, metadata, noZeros)).rejects.toThrow('there is a WAL in /data/wal already');
  });

  it('replaces what an interrupted creation left', async () => {
    const disk = new SimDisk(seededRandom(1));
    await disk.makeDirectory(directory);
    await disk.makeDirectory(`${directory}.tmp`);
    await disk.open(`${directory}.tmp/0000000000000000-0000000000000000.wal`, 'create');
    expect(await walExists(disk, directory)).toBe(false);
    const wal = await Wal.create(disk, directory, metadata, noZeros);
    await wal.close();
    expect(await disk.list('/data')).toEqual(['wal']);
  });
});
