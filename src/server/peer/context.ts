/** What all parts of the transport share: who this member is, and the world it talks to. */
import type { Clock } from '../../base/ports.ts';
import type { Message } from '../../proto/raftpb.ts';
import { formatId } from '../cluster/ids.ts';
import type { PeerFaults } from './faults.ts';
import type { StructuredLogger } from './logger.ts';
import type { PeerMetrics } from './metrics.ts';
import type { Requester } from './requester.ts';

export interface Identity {
  readonly localId: bigint;
  readonly clusterId: bigint;
  /** "3.6.5": decides the cluster's version together with the other members' answers. */
  readonly serverVersion: string;
  /** "3.0.0" */
  readonly minClusterVersion: string;
  localPeerUrls(): readonly string[];
}

/** The driver's side. No method is called from within a call of the driver into the transport. */
export interface RaftPort {
  /** A message for this member from another that is not removed. */
  process(message: Message): void;
  isIdRemoved(id: bigint): boolean;
  /** At least one message to `id` was lost since the last call. */
  reportUnreachable(id: bigint): void;
  /** The fate of a MsgSnap to `id`. */
  reportSnapshot(id: bigint, ok: boolean): void;
  /** The cluster has removed this member for good: it must stop. */
  removedFromCluster(): void;
  /**
   * Every stream with `id` has ended and it refuses connections: its process is gone. Known milliseconds after a crash, long
   * before an election timer; a hint, never a proof. Told once until a stream is up again.
   */
  peerProcessGone?(id: bigint): void;
  /** Messages can be sent to the peer from now on, after a time without any stream to it. */
  peerConnected?(id: bigint): void;
}

/** How an incoming message was taken. */
export type Reception = 'accepted' | 'rejected';

export interface PeerContext extends Identity {
  readonly raft: RaftPort;
  readonly clock: Clock;
  readonly logger: StructuredLogger;
  readonly metrics: PeerMetrics;
  readonly requester: Requester;
  readonly faults: PeerFaults;
  /** Hands an incoming message to Raft, if the checks and the faults let it pass. */
  receive(message: Message): Reception;
  /** Whether the faults let a snapshot in whose message has arrived; resolves when they do. */
  admit(message: Message): Promise<boolean>;
  /** The same for one that was let in, when its database has come. */
  admitAgain(message: Message): Promise<boolean>;
  /** Hands the message of an admitted snapshot to Raft, past the checks. */
  deliver(message: Message): Reception;
  /** Reports messages to `id` as lost, soon. */
  lost(id: bigint): void;
  /** False if a warning with this key was logged less than `repeatedWarningMs` ago. */
  mayWarn(key: string): boolean;
}

/** The headers of every request to a peer's Raft routes. */
export function requestHeaders(identity: Identity): Record<string, string> {
  return {
    'X-Server-From': formatId(identity.localId),
    'X-Server-Version': identity.serverVersion,
    'X-Min-Cluster-Version': identity.minClusterVersion,
    'X-Etcd-Cluster-Id': formatId(identity.clusterId),
    'X-Peerurls': identity.localPeerUrls().join(','),
  };
}

/** Etcd's text for a member that its cluster has removed. */
export const memberRemovedText = 'the member has been permanently removed from the cluster';
