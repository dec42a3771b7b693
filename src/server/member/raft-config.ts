/** How etcd sets up its Raft (server/etcdserver/raft.go). */
import type { Random } from '../../base/ports.ts';
import type { RaftConfig } from '../../raft/config.ts';
import { MemoryStorage } from '../../raft/storage.ts';
import type { RaftLogger } from '../../raft/types.ts';
import { type ElectionConfig, electionTicks } from './elections.ts';
import type { OpenedMember } from './open.ts';

const maxSizePerMsg = 1024 * 1024;
const maxInflightMsgs = 512;

export function raftConfig(
  id: bigint,
  config: ElectionConfig,
  storage: MemoryStorage,
  applied: number,
  logger: RaftLogger,
  random: Random,
): RaftConfig {
  return {
    id,
    electionTick: electionTicks(config),
    heartbeatTick: 1,
    storage,
    applied,
    asyncStorageWrites: true,
    maxSizePerMsg,
    maxCommittedSizePerReady: 0,
    maxUncommittedEntriesSize: 0,
    maxInflightMsgs,
    maxInflightBytes: 0,
    checkQuorum: true,
    preVote: config.preVote,
    readOnlyOption: 'safe',
    logger,
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    random,
  };
}

/** The log in memory, as a member starts with it. */
export function raftStorage({ snapshot, entries, hardState, state }: OpenedMember): MemoryStorage {
  const storage = new MemoryStorage();
  if (snapshot !== null) storage.applySnapshot(snapshot);
  storage.append(entries);
  storage.setHardState(hardState);
  // The database is as good as a snapshot: what it holds is not replayed, and who votes then is known.
  const { applied, confState } = state;
  if (applied.index > (snapshot?.metadata.index ?? 0)) storage.createSnapshot(applied.index, confState, null);
  return storage;
}
