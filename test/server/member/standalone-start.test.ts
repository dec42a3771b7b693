/** --force-new-cluster over a database that is ahead of what the log knows to be committed. */
import { expect, it } from 'vitest';
import { seededRandom } from '../../../src/base/prng.ts';
import { newPutRequest } from '../../../src/proto/etcdserverpb-kv.ts';
import { encodePutRequest } from '../../../src/proto/etcdserverpb-kv-requests.ts';
import { internalField } from '../../../src/proto/raft-internal.ts';
import type { Entry } from '../../../src/proto/raftpb.ts';
import { SimDisk } from '../../../src/sim/disk.ts';
import { request } from '../../support/applied-state.ts';
import { layOutMember, leaderTerm, openSim, SimMember, simCluster, simConfig } from '../../support/sim-member.ts';

it('keeps what the database holds, and is alone after it', async () => {
  const cluster = await simCluster();
  const log: Entry[] = [...cluster.entries];
  while (log.length < 12) {
    const put = newPutRequest({ key: Buffer.from(`k${log.length}`), value: Buffer.from('v') });
    log.push({ ...request(internalField.put, encodePutRequest(put)), term: leaderTerm, index: log.length + 1 });
  }
  const disk = new SimDisk(seededRandom(1));
  const config = await simConfig([]);
  await layOutMember(disk, config, cluster);
  const started = await SimMember.start(disk, config, cluster.members[0]?.id ?? 0n);
  if (!started.ok) throw new Error(started.error);
  started.value.append(log, cluster.entries.length, 10);
  expect(await started.value.reaches(10)).toBe(true);
  await started.value.database();
  // Entries that nobody knows to be committed.
  started.value.append(log, 10, 12, 10);
  await started.value.settle();
  disk.crash();
  await started.value.stop();
  disk.restart();

  const before = await openSim(disk, config);
  if (!before.ok) throw new Error(before.error);
  expect(before.value.state.applied.index).toBe(10);
  expect(before.value.entries).toHaveLength(12);
  await before.value.state.backend.close();
  await before.value.wal.close();

  const alone = await SimMember.start(disk, await simConfig(['--force-new-cluster']), 0n);
  if (!alone.ok) throw new Error(alone.error);
  const { member } = alone.value;
  expect(member.members().map(({ id }) => id)).toEqual([cluster.memberId]);
  // It leads at once; after what the database holds come the two removals, its own first entry, and what it tells of itself.
  await alone.value.settle();
  expect(member.isLeader()).toBe(true);
  expect(member.store.index.liveKeys).toBe(7);
  expect(member.raftView()).toMatchObject({ lastIndex: 14, committed: 14 });
  await alone.value.stop();

  const again = await SimMember.start(disk, config, 0n);
  if (!again.ok) throw new Error(again.error);
  expect(again.value.member.members()).toHaveLength(1);
  await again.value.stop();
});
