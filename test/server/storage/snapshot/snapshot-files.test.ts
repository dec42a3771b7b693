import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import { emptyConfState, type Snapshot } from '../../../../src/proto/raftpb.ts';
import {
  decodeSnapshotBytes,
  encodeSnapshotBytes,
  loadNewestSnapshot,
  saveSnapshotFile,
  snapshotFileName,
} from '../../../../src/server/storage/snapshot/snapshot-files.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

const directory = '/data/snap';

function snapshot(term: number, index: number): Snapshot {
  const confState = { ...emptyConfState, voters: [1n, 0xac7c97ef0ec193b0n] };
  return { data: Buffer.from(`store at ${index}`), metadata: { confState, index, term } };
}

async function diskWith(...snapshots: Snapshot[]): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory(directory);
  await disk.syncDirectory('/');
  await disk.syncDirectory('/data');
  for (const each of snapshots) await saveSnapshotFile(disk, directory, each);
  return disk;
}

describe.each(['etcd-3.6.5', 'etcd-3.4.23'])('a .snap file of %s', (version) => {
  it('decodes, and encodes to the same bytes', () => {
    const bytes = readFileSync(new URL(`../../../testdata/wal/${version}.snap`, import.meta.url));
    const decoded = decodeSnapshotBytes(bytes);
    if (!decoded.ok) throw new Error(decoded.error);
    expect(decoded.value.metadata).toMatchObject({ index: 11, term: 2, confState: { voters: [0xac7c97ef0ec193b0n] } });
    expect(JSON.parse(Buffer.from(decoded.value.data ?? []).toString('utf8'))).toHaveProperty('Root');
    expect(encodeSnapshotBytes(decoded.value).equals(bytes)).toBe(true);
  });
});

describe('snapshot files', () => {
  it('are named by term and index', () => {
    expect(snapshotFileName({ term: 2, index: 27 })).toBe('0000000000000002-000000000000001b.snap');
  });

  it('are loaded newest first, as far as they are wanted', async () => {
    const disk = await diskWith(snapshot(1, 10), snapshot(2, 9), snapshot(2, 30));
    const newest = await loadNewestSnapshot(disk, directory, () => true);
    expect(newest).toEqual({ snapshot: snapshot(2, 30), broken: [] });
    const known = await loadNewestSnapshot(disk, directory, ({ metadata }) => metadata.index < 30);
    expect(known.snapshot?.metadata).toMatchObject({ index: 9, term: 2 });
    expect(await loadNewestSnapshot(disk, directory, () => false)).toEqual({ snapshot: null, broken: [] });
  });

  it('that are damaged are set aside, and the next older one is used', async () => {
    const disk = await diskWith(snapshot(1, 10), snapshot(2, 30));
    const path = `${directory}/0000000000000002-000000000000001e.snap`;
    disk.flipBit(path, 20, 3);
    const loaded = await loadNewestSnapshot(disk, directory, () => true);
    expect(loaded.snapshot?.metadata.index).toBe(10);
    expect(loaded.broken).toEqual([{ path, reason: expect.stringMatching(/^checksum mismatch: stored/) }]);
    expect(await disk.list(directory)).toEqual([
      '0000000000000001-000000000000000a.snap',
      '0000000000000002-000000000000001e.snap.broken',
    ]);
  });

  it('of length zero, or of nonsense, are damaged', () => {
    expect(decodeSnapshotBytes(Buffer.alloc(0))).toEqual({ ok: false, error: 'the file is empty' });
    expect(decodeSnapshotBytes(Buffer.from([0x08, 0x01]))).toEqual({ ok: false, error: 'the file holds no snapshot' });
    expect(decodeSnapshotBytes(Buffer.from([0x12, 0x7f, 0x01]))).toEqual({ ok: false, error: 'unexpected EOF' });
  });

  it('are there whole or not at all, and for good once saved, wherever the power fails', async () => {
    for (let at = 0; at < 8; at++) {
      const disk = await diskWith(snapshot(1, 10));
      disk.crashAt(disk.operations + at);
      const saved = await saveSnapshotFile(disk, directory, snapshot(1, 20)).then(
        () => true,
        () => false,
      );
      disk.crash();
      disk.restart();
      const loaded = await loadNewestSnapshot(disk, directory, () => true);
      expect(loaded.broken).toEqual([]);
      expect(saved ? [20] : [10, 20]).toContain(loaded.snapshot?.metadata.index);
    }
  });
});
