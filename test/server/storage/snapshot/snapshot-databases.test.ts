import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../src/base/prng.ts';
import {
  removeCutOffFiles,
  removeSnapshotDatabases,
} from '../../../../src/server/storage/snapshot/snapshot-databases.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

const directory = '/data/snap';

async function diskWith(...names: string[]): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory(directory);
  for (const name of names) await (await disk.open(`${directory}/${name}`, 'create')).close();
  return disk;
}

describe('a start', () => {
  it('removes what transfers, snapshots and defragmentations of etcd have left half done, and nothing else', async () => {
    const kept = [
      '0000000000000002-0000000000000028.snap',
      '0000000000000028.snap.db',
      'db',
      'db.tmp.defrag',
      'mine.tmp',
    ];
    const left = ['0000000000000002-0000000000000029.snap.tmp', 'db.tmp.1234567', 'tmp0', 'tmp12'];
    const disk = await diskWith(...kept, ...left);
    await removeCutOffFiles(disk, directory);
    expect(await disk.list(directory)).toEqual([...kept].sort());
  });
});

describe('databases of snapshots', () => {
  it('go when a newer snapshot is durable', async () => {
    const disk = await diskWith('0000000000000010.snap.db', '0000000000000028.snap.db', '28.snap.db', 'db');
    expect(await removeSnapshotDatabases(disk, directory, 0x28)).toEqual(['0000000000000010.snap.db']);
    expect(await disk.list(directory)).toEqual(['0000000000000028.snap.db', '28.snap.db', 'db']);
  });
});
