/** The bytes of real etcd's WAL: fixtures are whole logs of one-member clusters, without the zeros that fill their 64 MB. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { Reader } from '../../../../src/proto/codec.ts';
import { decodeEntry, decodeHardState } from '../../../../src/proto/raftpb.ts';
import { decodeWalSnapshot, recordType } from '../../../../src/proto/walpb.ts';
import { WalEncoder } from '../../../../src/server/storage/wal/encoder.ts';
import type { RecordView } from '../../../../src/server/storage/wal/frame.ts';
import { readLog, scanLog, validSnapshots } from '../../../../src/server/storage/wal/read.ts';
import { Wal } from '../../../../src/server/storage/wal/wal.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

const directory = '/data/member/wal';
const segment = `${directory}/0000000000000000-0000000000000000.wal`;
const segmentBytes = 64_000_000;

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../testdata/wal/${name}`, import.meta.url));
}

async function diskWith(bytes: Buffer): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory(directory);
  const file = await disk.open(segment, 'create');
  await file.writev([bytes], 0);
  await file.truncate(segmentBytes);
  await file.close();
  return disk;
}

/** Encodes a record again from what it means. */
function encodeAgain(encoder: WalEncoder, record: RecordView): null {
  const reader = () => new Reader(record.bytes, record.dataStart, record.dataEnd);
  if (record.type === recordType.entry) encoder.appendEntry(decodeEntry(reader()));
  if (record.type === recordType.state) encoder.appendState(decodeHardState(reader()));
  if (record.type === recordType.snapshot) encoder.appendSnapshot(decodeWalSnapshot(reader()));
  if (record.type === recordType.metadata)
    encoder.appendMetadata(record.bytes.subarray(record.dataStart, record.dataEnd));
  return null;
}

describe.each(['etcd-3.6.5', 'etcd-3.4.23'])('the WAL of %s', (version) => {
  const bytes = fixture(`${version}.wal`);

  it('decodes, and encodes to the same bytes', async () => {
    const encoder = new WalEncoder(0);
    encoder.appendCrc();
    const end = await scanLog(await diskWith(bytes), directory, 0, (record) => encodeAgain(encoder, record));
    expect(end).toMatchObject({ ok: true, value: { offset: bytes.length, torn: null } });
    expect(encoder.take().equals(bytes)).toBe(true);
  });

  it('is continued in place', async () => {
    const disk = await diskWith(bytes);
    const opened = await Wal.open(disk, directory, { index: 0, term: 0 });
    if (!opened.ok) throw new Error(opened.error.message);
    const { wal, entries, hardState } = opened.value;
    const last = entries.at(-1);
    expect(last).toMatchObject({ index: entries.length });
    const entry = { type: 0, term: 2, index: entries.length + 1, data: Buffer.from('more') } as const;
    await new Promise((done) => wal.save({ ...hardState, commit: entry.index }, [entry], true, done));
    await wal.close();
    const again = await readLog(disk, directory, { index: 0, term: 0 });
    expect(again).toMatchObject({ ok: true, value: { hardState: { commit: entry.index } } });
    expect(again.ok && again.value.entries.at(-1)).toEqual(entry);
    expect(again.ok && again.value.entries.slice(0, -1)).toEqual(entries);
  });

  it('is read from a snapshot on', async () => {
    const disk = await diskWith(bytes);
    const snapshots = await validSnapshots(disk, directory);
    if (!snapshots.ok) throw new Error(snapshots.error.message);
    expect(snapshots.value.slice(0, 2).map(({ index, term }) => ({ index, term }))).toEqual([
      { index: 0, term: 0 },
      { index: 11, term: 2 },
    ]);
    const log = await readLog(disk, directory, { index: 11, term: 2 });
    expect(log.ok && log.value.entries[0]?.index).toBe(12);
  });
});

describe('the metadata of a real WAL', () => {
  it('is what etcd wrote: member id and cluster id', async () => {
    const log = await readLog(await diskWith(fixture('etcd-3.6.5.wal')), directory, { index: 0, term: 0 });
    const reader = new Reader(log.ok ? log.value.metadata : new Uint8Array(0));
    expect([reader.tag(), reader.uint64()]).toEqual([0x08, 0xac7c97ef0ec193b0n]);
    expect([reader.tag(), reader.uint64()]).toEqual([0x10, 0x8cc9da78b36d1115n]);
  });

  it('a new WAL of ours begins with the same bytes', async () => {
    const golden = fixture('etcd-3.6.5.wal');
    const log = await readLog(await diskWith(golden), directory, { index: 0, term: 0 });
    if (!log.ok) throw new Error(log.error.message);
    const disk = new SimDisk(seededRandom(1));
    const wal = await Wal.create(disk, directory, log.value.metadata);
    const file = await disk.open(segment, 'read');
    // checksum, metadata and the record of the empty snapshot
    const head = Buffer.alloc(80);
    await file.read(head, 0);
    expect(head.equals(golden.subarray(0, 80))).toBe(true);
    expect(await file.size()).toBe(segmentBytes);
    await wal.close();
  });
});
