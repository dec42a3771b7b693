/** What a member needs of the world around it; whoever makes the member owns all of it, in a process as in the simulation. */
import type { Clock, Disk, Random } from '../../base/ports.ts';
import type { Result } from '../../base/result.ts';
import type { RpcError } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { PeerTransport } from '../peer/transport.ts';
import type { Backend } from '../storage/backend/backend.ts';
import type { ClusterMember } from './api.ts';
import type { PeerHash } from './corruption.ts';
import type { LeaderLeases } from './leases.ts';
import type { Member } from './member.ts';
import type { MemberMetrics } from './member-metrics.ts';

export interface MemberPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MemberMetrics;
  /** Runs the callback once, after the I/O of this turn of the event loop. */
  schedule(callback: () => void): void;
  /** Runs the callback once, as soon as the code that runs now has returned. */
  soon(callback: () => void): void;
  /** The transport to the peers; made by the caller, who owns it. */
  connect(member: Member): PeerTransport;
  /** The `etcdserver` version that each of the other members answers; null where there is no answer. */
  peerVersions(members: readonly ClusterMember[]): Promise<readonly (string | null)[]>;
  /** The member cannot go on: the disk failed. */
  failed(error: Error): void;
  /** The cluster removed this member for good. */
  removed(): void;
  /** Asks those members for the hash of their keys up to a revision, each for at most so long. */
  peerHashes(members: readonly ClusterMember[], revision: number, timeoutMs: number): Promise<readonly PeerHash[]>;
  /** Asks a leader to promote a learner, over its peer port. */
  promoteAt(leader: ClusterMember, id: bigint): Promise<Result<readonly ClusterMember[], RpcError>>;
  /** Asks a leader about leases, over its peer port. */
  readonly leasesAtLeader: LeaderLeases;
  readonly disk: Disk;
  /** Opens the database at a path. */
  openDatabase(path: string): Promise<Result<Backend, string>>;
  /** The leader, the term or the role of this member is another. */
  raftChanged?(): void;
}
