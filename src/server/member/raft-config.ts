/** How etcd sets up its Raft (server/etcdserver/raft.go). */
import type { Random } from '../../base/ports.ts';
import type { RaftConfig } from '../../raft/config.ts';
import type { MemoryStorage } from '../../raft/storage.ts';
import type { RaftLogger } from '../../raft/types.ts';
import { type ElectionConfig, electionTicks } from './elections.ts';

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
