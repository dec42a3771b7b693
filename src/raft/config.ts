/** How a node is set up, and the limits that follow from it. */
import { invariant } from '../base/assert.ts';
import type { Random } from '../base/ports.ts';
import type { RaftStorage } from './storage.ts';
import { isLocalTarget, none, type RaftLogger } from './types.ts';

/** safe: a quorum confirms the leader for each read. leaseBased: the leader trusts its clock; needs `checkQuorum`. */
export type ReadOnlyOption = 'safe' | 'leaseBased';

/** Sizes are in bytes, times in ticks. A size of 0 means no limit, unless said otherwise. */
export interface RaftConfig {
  /** This node. Not 0, not one of the local targets. */
  readonly id: bigint;
  /** Ticks without a leader before a follower campaigns; a random share of the same is added. More than `heartbeatTick`. */
  readonly electionTick: number;
  /** Ticks between a leader's heartbeats. */
  readonly heartbeatTick: number;
  readonly storage: RaftStorage;
  /** The last index that the application has applied; it will not be handed out again. 0: whatever storage starts with. */
  readonly applied: number;
  /** Storage writes travel as messages to the local targets, and `advance` is not called. */
  readonly asyncStorageWrites: boolean;
  /** Encoded bytes of the entries of one append message; one entry is always sent. 0 here means one entry at a time. */
  readonly maxSizePerMsg: number;
  /** Encoded bytes of committed entries that are handed out and not yet applied. 0: as `maxSizePerMsg`. */
  readonly maxCommittedSizePerReady: number;
  /** Data bytes that a leader appends beyond what is applied, before it drops proposals. */
  readonly maxUncommittedEntriesSize: number;
  /** Append messages in flight to one follower. */
  readonly maxInflightMsgs: number;
  /** Data bytes in flight to one follower; at least `maxSizePerMsg`. */
  readonly maxInflightBytes: number;
  /** A leader that does not hear from a quorum for an election timeout steps down; followers keep a lease for it. */
  readonly checkQuorum: boolean;
  /** Ask whether an election could be won before disturbing anyone with a higher term (thesis 9.6). */
  readonly preVote: boolean;
  readonly readOnlyOption: ReadOnlyOption;
  readonly logger: RaftLogger;
  /** A follower drops proposals instead of sending them on to the leader. */
  readonly disableProposalForwarding: boolean;
  /** Lets membership changes through that the leader would otherwise neutralise. For the brave. */
  readonly disableConfChangeValidation: boolean;
  /**
   * A leader that removes or demotes itself becomes a follower when the change is applied. Its followers may not know by then
   * that the change is committed, and may need its vote, which their shorter logs do not get: etcd leaves this off.
   */
  readonly stepDownOnRemoval: boolean;
  /** Spreads election timeouts. */
  readonly random: Random;
}

/** The limits of a RaftConfig with "no limit" spelled Infinity. */
export interface Limits {
  readonly messageBytesMax: number;
  readonly applyingBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly inflightsMax: number;
  readonly inflightBytesMax: number;
}

/** Read requests waiting for a quorum, or for the first commit of a term; further ones are dropped, and may be repeated. */
export const pendingReadsMax = 65_536;

/** Checks a configuration, which is the program's own, and derives its limits. */
export function limitsOf(config: RaftConfig): Limits {
  invariant(config.id !== none, 'cannot use none as id');
  invariant(!isLocalTarget(config.id), 'cannot use local target as id');
  invariant(config.heartbeatTick > 0, 'heartbeat tick must be greater than 0');
  invariant(config.electionTick > config.heartbeatTick, 'election tick must be greater than heartbeat tick');
  invariant(config.maxInflightMsgs > 0, 'max inflight messages must be greater than 0');
  invariant(
    config.maxInflightBytes === 0 || config.maxInflightBytes >= config.maxSizePerMsg,
    'max inflight bytes must be >= max message size',
  );
  invariant(
    config.readOnlyOption !== 'leaseBased' || config.checkQuorum,
    'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased',
  );
  const applyingBytesMax =
    config.maxCommittedSizePerReady === 0 ? config.maxSizePerMsg : config.maxCommittedSizePerReady;
  return {
    messageBytesMax: config.maxSizePerMsg,
    // At least one byte, or nothing would ever be handed out.
    applyingBytesMax: Math.max(applyingBytesMax, 1),
    uncommittedBytesMax: unlimitedIfZero(config.maxUncommittedEntriesSize),
    inflightsMax: config.maxInflightMsgs,
    inflightBytesMax: unlimitedIfZero(config.maxInflightBytes),
  };
}

function unlimitedIfZero(size: number): number {
  return size === 0 ? Number.POSITIVE_INFINITY : size;
}
