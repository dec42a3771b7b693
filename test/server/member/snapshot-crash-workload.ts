/**
 * The life of a follower that takes snapshots, purges, receives and installs databases of its leader, on a disk that fails it; and what
 * is wrong with what a restart finds.
 */
import { seededRandom } from '../../../src/base/prng.ts';
import { newPutRequest } from '../../../src/proto/etcdserverpb-kv.ts';
import {
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
} from '../../../src/proto/etcdserverpb-kv-requests.ts';
import { internalField } from '../../../src/proto/raft-internal.ts';
import { type ConfState, type Entry, emptyConfState, type Snapshot } from '../../../src/proto/raftpb.ts';
import type { NewCluster } from '../../../src/server/cluster/bootstrap.ts';
import { encodeV2Store } from '../../../src/server/cluster/v2-store.ts';
import type { EtcdConfig } from '../../../src/server/config/config.ts';
import { check } from '../../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../../src/server/storage/bolt/db.ts';
import { SimDisk, type SimDiskOptions } from '../../../src/sim/disk.ts';
import { AppliedState, request } from '../../support/applied-state.ts';
import { MemoryBackend } from '../../support/memory-backend.ts';
import { layOutMember, leaderTerm, openSim, SimMember, simCluster, simConfig } from '../../support/sim-member.ts';

const lastIndex = 90;
/** Where the leader's databases end. */
const sentAt = [40, 70] as const;
const purgeIntervalMs = 30_000;

interface Leader {
  readonly cluster: NewCluster;
  readonly id: bigint;
  readonly log: readonly Entry[];
  /** HashKV after each entry. */
  readonly hashes: readonly number[];
  readonly confState: ConfState;
  readonly snapshots: readonly { readonly snapshot: Snapshot; readonly database: Buffer }[];
}

const flags = ['--snapshot-count=9', '--snapshot-catchup-entries=5', '--max-wals=2', '--max-snapshots=2'];

/** What all lives share. */
export interface World {
  readonly config: EtcdConfig;
  readonly leader: Leader;
}

export async function makeWorld(): Promise<World> {
  return { config: await simConfig(flags), leader: await makeLeader() };
}

async function makeLeader(): Promise<Leader> {
  const cluster = await simCluster();
  const log: Entry[] = cluster.entries.map((entry) => entry);
  log.push({ type: 0, term: leaderTerm, index: log.length + 1, data: null });
  while (log.length < lastIndex) log.push({ ...operation(log.length), term: leaderTerm, index: log.length + 1 });
  const id = cluster.members.find((member) => member.id !== cluster.memberId)?.id ?? 0n;
  const confState = { ...emptyConfState, voters: cluster.members.map((member) => member.id) };
  const snapshots = await databasesOf(cluster, id, log, confState);
  return { cluster, id, log, hashes: await hashesOf(log), confState, snapshots };
}

/** Puts, some of them large, deletions, and two compactions. */
function operation(number: number): Entry {
  const key = Buffer.from(`key ${number % 11}`);
  if (number % 10 === 9)
    return request(
      internalField.deleteRange,
      encodeDeleteRangeRequest({ key, rangeEnd: Buffer.from('key 3'), prevKv: false }),
    );
  if (number === 30 || number === 60)
    return request(internalField.compaction, encodeCompactionRequest({ revision: number - 12, physical: false }));
  const value = Buffer.alloc(number % 7 === 0 ? 1500 : 40, 65 + (number % 26));
  return request(internalField.put, encodePutRequest(newPutRequest({ key, value })));
}

async function hashesOf(log: readonly Entry[]): Promise<number[]> {
  const backend = new MemoryBackend();
  const calm = await AppliedState.over(backend);
  const hash = () => {
    backend.commitNow();
    const hashed = calm.state.store.hashKv(0);
    return hashed.ok ? hashed.value.hash : -1;
  };
  const hashes = [hash()];
  for (const entry of log) {
    calm.apply(entry);
    hashes.push(hash());
  }
  return hashes;
}

async function databasesOf(
  cluster: NewCluster,
  id: bigint,
  log: readonly Entry[],
  confState: ConfState,
): Promise<Leader['snapshots']> {
  const disk = new SimDisk(seededRandom(1));
  const calm = await simConfig([]);
  await layOutMember(disk, calm, cluster);
  const donor = await SimMember.start(disk, calm, id);
  if (!donor.ok) throw new Error(donor.error);
  const snapshots = [];
  let from = cluster.entries.length;
  for (const index of sentAt) {
    donor.value.append(log, from, index);
    if (!(await donor.value.reaches(index))) throw new Error(`the donor stops before ${index}`);
    from = index;
    const data = encodeV2Store({ members: cluster.members, removed: [], version: null });
    const snapshot = { data, metadata: { confState, index, term: leaderTerm } };
    snapshots.push({ snapshot, database: await donor.value.database() });
  }
  await donor.value.stop();
  return snapshots;
}

export interface Trouble {
  readonly type: 'crash' | 'error';
  readonly operation: number;
}

export interface Life {
  /** Empty if all is well. */
  readonly fault: string;
  readonly operations: number;
}

/**
 * Lives until the trouble, or to the end, then loses power; judges what is found. With `again`, power fails once more, that many operations
 * after the restart.
 */
export async function live(
  world: World,
  seed: number,
  trouble: Trouble | null,
  { again = null, ...diskOptions }: SimDiskOptions & { readonly again?: number | null } = {},
): Promise<Life> {
  const { config, leader } = world;
  const diskSeed = seed * 1009 + (trouble?.operation ?? 0);
  const disk = new SimDisk(seededRandom(diskSeed), { delay: someTurns(diskSeed + 1), ...diskOptions });
  await layOutMember(disk, config, leader.cluster);
  const begun = disk.operations;
  if (trouble?.type === 'crash') disk.crashAt(begun + trouble.operation);
  if (trouble?.type === 'error') disk.failAt(begun + trouble.operation, 'EIO');
  let acknowledged = await followAndCrash(world, disk);
  const operations = disk.operations - begun;
  disk.crash();
  disk.restart();
  if (again !== null) {
    disk.crashAt(disk.operations + again);
    acknowledged = Math.max(acknowledged, await catchUp(world, disk));
    disk.crash();
    disk.restart();
  }
  return { fault: await judge(world, disk, acknowledged), operations };
}

/** Operations overtake each other, as in a pool of threads. */
function someTurns(seed: number): () => Promise<void> {
  const random = seededRandom(seed);
  return async () => {
    for (let turns = random.below(20); turns > 0; turns--) await Promise.resolve();
  };
}

/** Follows the leader from where it is to the end, or until power fails. Resolves to the last index that was acknowledged. */
async function catchUp({ config, leader }: World, disk: SimDisk): Promise<number> {
  const started = await SimMember.start(disk, config, leader.id);
  if (!started.ok) return 0;
  const sim = started.value;
  sim.append(leader.log, sim.member.raftView().lastIndex, lastIndex);
  await sim.reaches(lastIndex);
  const { acknowledged } = sim;
  disk.crash();
  await sim.stop();
  return acknowledged;
}

/**
 * Follows the leader on a directory that is laid out: its log for a while, then its database, twice; then loses power. Resolves to the last
 * index that was acknowledged.
 */
export async function followAndCrash({ config, leader }: World, disk: SimDisk): Promise<number> {
  const started = await SimMember.start(disk, config, leader.id);
  if (!started.ok) return leader.cluster.entries.length;
  const sim = started.value;
  await follow(sim, leader);
  const { acknowledged } = sim;
  // The power is gone, or goes: a member that stops in peace would write what it has not yet.
  disk.crash();
  await sim.stop();
  return Math.max(acknowledged, leader.cluster.entries.length);
}

async function follow(sim: SimMember, leader: Leader): Promise<void> {
  let at = leader.cluster.entries.length;
  const [first, second] = leader.snapshots;
  const appendTo = async (last: number) => {
    while (at < last) {
      const next = Math.min(last, at + 4);
      sim.append(leader.log, at, next);
      at = next;
      if (at % 3 === 0 && !(await sim.reaches(at))) return false;
    }
    return sim.reaches(last);
  };
  const install = async (sent: typeof first) => {
    if (sent === undefined) return false;
    // As the leader does, once more if it failed.
    if (
      !(await sim.sendSnapshot(sent.snapshot, sent.database)) &&
      !(await sim.sendSnapshot(sent.snapshot, sent.database))
    )
      return false;
    at = sent.snapshot.metadata.index;
    return sim.reaches(at);
  };
  if (!(await appendTo(32))) return;
  sim.fire(purgeIntervalMs);
  if (!(await install(first))) return;
  if (!(await appendTo(55))) return;
  sim.fire(purgeIntervalMs);
  if (!(await appendTo(58))) return;
  if (!(await install(second))) return;
  if (!(await appendTo(85))) return;
  sim.fire(purgeIntervalMs);
  await sim.settle();
}

/** Opens what is left, then follows the leader to the end of its log. */
async function judge(world: World, disk: SimDisk, acknowledged: number): Promise<string> {
  const { config, leader } = world;
  const opened = await openSim(disk, config);
  if (!opened.ok) return opened.error;
  const { state, wal, snapshot, entries, hardState } = opened.value;
  const snapshotIndex = snapshot?.metadata.index ?? 0;
  const end = snapshotIndex + entries.length;
  const { index } = state.applied;
  await state.backend.commit();
  const hashed = state.store.hashKv(0);
  const hash = hashed.ok ? hashed.value.hash : -1;
  const members = state.membership.members().length;
  await state.backend.close();
  await wal.close();
  if (end < acknowledged) return `the log ends with ${end}, but ${acknowledged} was acknowledged`;
  if (hardState.commit < index || hardState.commit > end)
    return `commit ${hardState.commit}, applied ${index}, end ${end}`;
  if (index < snapshotIndex) return `the database ends at ${index}, the snapshot at ${snapshotIndex}`;
  if (hash !== leader.hashes[index]) return `not the state after entry ${index}`;
  if (index >= leader.cluster.members.length && members !== leader.cluster.members.length) return `${members} members`;
  return goOn(world, disk, end);
}

async function goOn({ config, leader }: World, disk: SimDisk, end: number): Promise<string> {
  const started = await SimMember.start(disk, config, leader.id);
  if (!started.ok) return started.error;
  const sim = started.value;
  sim.append(leader.log, end, lastIndex);
  const reached = await sim.reaches(lastIndex);
  await sim.settle();
  await sim.stop();
  if (sim.failure !== null) return sim.failure.message;
  if (!reached) return `stopped at ${sim.acknowledged}`;
  const reopened = await openSim(disk, config);
  if (!reopened.ok) return reopened.error;
  const { state, wal } = reopened.value;
  const hashed = state.store.hashKv(0);
  await state.backend.close();
  await wal.close();
  if (!hashed.ok || hashed.value.hash !== leader.hashes[state.applied.index]) return 'not the state of the leader';
  if (state.applied.index !== lastIndex) return `ends at ${state.applied.index}`;
  return filesOf(disk);
}

async function filesOf(disk: SimDisk): Promise<string> {
  const db = await BoltDb.open(disk, '/data/member/snap/db');
  const problems = await check(db);
  await db.close();
  if (problems.length > 0) return problems.join('; ');
  const names = await disk.list('/data/member/snap');
  const left = names.filter((name) => name !== 'db' && !name.endsWith('.snap'));
  return left.length === 0 ? '' : `left behind: ${left.join(' ')}`;
}
