/** Database files that real programs made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { seededRandom } from '../../../../src/base/prng.ts';
import { SimDisk } from '../../../../src/sim/disk.ts';

export const goldenNames = ['etcd-3.6.5', 'etcd-3.4.23', 'bbolt-compacted'] as const;

export function golden(name: (typeof goldenNames)[number]): Buffer {
  return gunzipSync(readFileSync(join(import.meta.dirname ?? '.', `../../../testdata/bolt/${name}.db.gz`)));
}

/** A disk with these bytes, synced, as /data/db. */
export async function diskWith(bytes: Uint8Array): Promise<SimDisk> {
  const disk = new SimDisk(seededRandom(1));
  await disk.makeDirectory('/data');
  const file = await disk.open('/data/db', 'create');
  await file.writev([bytes], 0);
  await file.sync();
  await file.close();
  await disk.syncDirectory('/data');
  await disk.syncDirectory('/');
  return disk;
}
