/** What is wrong with a WAL is said with file and offset; a damaged record is never served. */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import type { Entry } from '../../../../src/proto/raftpb.ts';
import { readLog } from '../../../../src/server/storage/wal/read.ts';
import { Wal } from '../../../../src/server/storage/wal/wal.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';
import { smallLimits } from './crash-workload.ts';

const directory = '/data/wal';
const first = `${directory}/0000000000000000-0000000000000000.wal`;
const start = { index: 0, term: 0 };

function entry(index: number, bytes: number): Entry {
  return { type: 0, term: 3, index, data: Buffer.alloc(bytes, 64 + index) };
}

interface Sample {
  readonly disk: SimDisk;
  /** Where each save ended. */
  readonly ends: readonly number[];
}

/** A log of small and large records; its last save is a single entry. */
async function sample(): Promise<Sample> {
  const disk = new SimDisk(seededRandom(1));
  const ends: number[] = [];
  let end = 0;
  const onWrite = (bytes: number) => {
    end += bytes;
    ends.push(end);
  };
  const wal = await Wal.create(disk, directory, Buffer.from('metadata'), { ...smallLimits, onWrite });
  const save = (index: number, bytes: number) =>
    new Promise((done) =>
      wal.save({ term: 3, vote: 0x1234567890abcdefn, commit: index - 1 }, [entry(index, bytes)], true, done),
    );
  for (const [i, bytes] of [20, 0, 700, 3, 40].entries()) await save(i + 1, bytes);
  await new Promise((done) => wal.save(null, [entry(6, 200)], true, done));
  await wal.close();
  return { disk, ends };
}

describe('a WAL with a flipped bit', () => {
  it('is refused with file and offset, wherever the bit is', async () => {
    const { disk, ends } = await sample();
    const bytes = ends.at(-1) ?? 0;
    for (let bit = 0; bit < bytes * 8; bit += 1) {
      disk.flipBit(first, Math.floor(bit / 8), bit % 8);
      const log = await readLog(disk, directory, start);
      const what = log.ok ? `served ${log.value.entries.length} entries` : log.error.type;
      expect(what, `bit ${bit % 8} of byte ${Math.floor(bit / 8)}`).toBe('corrupt');
      if (!log.ok && log.error.type === 'corrupt') {
        expect(log.error.offset).toBeLessThanOrEqual(bit / 8);
        expect(log.error.message).toContain(`${first} at byte ${log.error.offset}: `);
      }
      disk.flipBit(first, Math.floor(bit / 8), bit % 8);
    }
    expect(await readLog(disk, directory, start)).toMatchObject({ ok: true, value: { entries: { length: 6 } } });
  });
});

describe('a WAL whose file was cut short', () => {
  it('is repaired to the records that are whole, and a copy is kept', async () => {
    for (const cut of [1, 7, 8, 9, 60, 100, 199]) {
      const { disk, ends } = await sample();
      const [beforeLast = 0] = ends.slice(-2);
      const file = await disk.open(first, 'readWrite');
      await file.truncate(beforeLast + cut);
      const opened = await Wal.open(disk, directory, start, smallLimits);
      if (!opened.ok) throw new Error(opened.error.message);
      expect(opened.value.entries.length).toBe(5);
      expect(opened.value.repaired).toContain(`${first} at byte ${beforeLast}`);
      expect(await disk.list(directory)).toContain('0000000000000000-0000000000000000.wal.broken');
      await new Promise((done) => opened.value.wal.save(null, [entry(6, 10)], true, done));
      await opened.value.wal.close();
      expect(await readLog(disk, directory, start)).toMatchObject({ ok: true, value: { entries: { length: 6 } } });
    }
  });

  it('is refused when even its head is missing', async () => {
    const { disk } = await sample();
    const file = await disk.open(first, 'readWrite');
    await file.truncate(0);
    const opened = await Wal.open(disk, directory, start, smallLimits);
    expect(!opened.ok && opened.error.message).toBe(`WAL is corrupt: ${first} at byte 0: the segment is empty`);
  });
});

describe('a WAL with a sector that was never written', () => {
  it('is a torn tail if the sector lies in the last record', async () => {
    const disk = new SimDisk(seededRandom(1));
    const wal = await Wal.create(disk, directory, Buffer.from('metadata'), smallLimits);
    await new Promise((done) => wal.save(null, [entry(1, 50), entry(2, 2000)], true, done));
    await wal.close();
    const file = await disk.open(first, 'readWrite');
    await file.writev([Buffer.alloc(512)], 1024);
    const opened = await Wal.open(disk, directory, start, smallLimits);
    expect(opened).toMatchObject({ ok: true, value: { entries: { length: 1 } } });
  });
});

describe('opening a WAL', () => {
  it('that does not exist says so', async () => {
    const disk = new SimDisk(seededRandom(1));
    const missing = await Wal.open(disk, directory, start);
    expect(missing).toMatchObject({ ok: false, error: { type: 'unreadable' } });
    await disk.makeDirectory(directory);
    const empty = await Wal.open(disk, directory, start);
    expect(!empty.ok && empty.error).toEqual({
      type: 'notFound',
      message: 'there is no WAL in /data/wal: no .wal files',
    });
  });

  it('from a snapshot that it does not know says so', async () => {
    const { disk } = await sample();
    const opened = await Wal.open(disk, directory, { index: 4, term: 3 }, smallLimits);
    expect(!opened.ok && opened.error).toEqual({
      type: 'snapshotNotFound',
      message: 'the WAL in /data/wal has no record of the snapshot at index 4, term 3',
    });
  });
});
