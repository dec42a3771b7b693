/** The words that every part of the Raft core shares: ids, roles, errors, and the logger it writes to. */
import { ok, type Result } from '../base/result.ts';

/** The id of nobody: no leader, no vote, no transferee. */
export const none = 0n;
/** Where `storageAppend` messages go when storage writes are asynchronous. No node may have this id. */
export const localAppendThread = 2n ** 64n - 1n;
/** Where `storageApply` messages go when storage writes are asynchronous. No node may have this id. */
export const localApplyThread = 2n ** 64n - 2n;

/** True for the two ids that stand for this node's own storage rather than for a peer. */
export function isLocalTarget(id: bigint): boolean {
  return id === localAppendThread || id === localApplyThread;
}

/** A node's part in the current term, by the names that etcd prints. */
export type RaftState = 'StateFollower' | 'StateCandidate' | 'StateLeader' | 'StatePreCandidate';

/** Volatile state: worth telling the application, not worth storing. */
export interface SoftState {
  readonly lead: bigint;
  readonly raftState: RaftState;
}

/** Answers a read request: once `index` is applied locally, a read is linearizable. */
export interface ReadState {
  readonly index: number;
  /** What `readIndex` was called with. */
  readonly requestContext: Uint8Array;
}

/** What identifies an entry in all logs of a cluster: same term and index, same entry (Raft §5.3). */
export interface EntryId {
  readonly term: number;
  readonly index: number;
}

/** Why the core refused an input. `message` is etcd-io/raft's own text where it has one. */
export interface RaftError {
  readonly type: 'proposalDropped' | 'stepLocalMessage' | 'peerNotFound' | 'malformedMessage';
  readonly message: string;
}

/** No leader, a transfer in progress, too much uncommitted, or forwarding is off: the caller may retry. */
export const proposalDropped: RaftError = { type: 'proposalDropped', message: 'raft proposal dropped' };
/** A peer sent a message that only a node itself may produce. */
export const stepLocalMessage: RaftError = {
  type: 'stepLocalMessage',
  message: 'raft: cannot step raft local message',
};
/** A response from a node that is not in the configuration. */
export const peerNotFound: RaftError = { type: 'peerNotFound', message: 'raft: cannot step as peer not found' };
/** A message that no correct peer sends: unknown type, gaps between entries, a missing part. Nothing was changed. */
export const malformedMessage: RaftError = { type: 'malformedMessage', message: 'raft: malformed message' };

/** The result of an input that was taken. */
export const accepted: Result<void, never> = ok(undefined);

/** Receives Raft's own lines, worded exactly as etcd-io/raft words them, one call per line, no newline at the end. */
export interface RaftLogger {
  /** Debug texts are only built when this is true. */
  readonly debugEnabled: boolean;
  debug(text: string): void;
  info(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/** An id as it stands in log lines: lower-case hex without padding. */
export function hex(id: bigint): string {
  return id.toString(16);
}
