/**
 * What the services need of the member they run in: proposing, waiting for reads, and what it knows of itself and its cluster.
 * The services decide what to ask; the member decides how consensus answers.
 */
import type { Result } from '../../base/result.ts';
import type { LeaseTimeToLiveRequest } from '../../proto/etcdserverpb-lease.ts';
import type { AlarmEntry, ApplyResponse } from '../apply/response.ts';
import type { DowngradeInfo } from '../cluster/membership.ts';
import type { RpcError } from '../grpc/status.ts';
import type { KvStore } from '../mvcc/store.ts';
import type { BackendSnapshot } from '../storage/backend/backend.ts';

/** A member of the cluster as clients see it. */
export interface ClusterMember {
  readonly id: bigint;
  /** Empty until the member has published itself. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty until the member has published itself. */
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** The checksum of the whole database, as Maintenance.Hash answers it. */
export interface BackendHash {
  readonly hash: number;
  /** The current revision. */
  readonly revision: number;
}

/** The checksum of the key-values up to a revision, as Maintenance.HashKV and the corruption check compare it. */
export interface KvHash {
  readonly hash: number;
  /** The revision hashed: what was asked for, or the current one. */
  readonly hashRevision: number;
  /** -1 until the first compaction. */
  readonly compactRevision: number;
  /** The current revision. */
  readonly currentRevision: number;
}

/** Sizes in bytes. */
export interface DatabaseSize {
  /** The file, with its free pages. */
  readonly total: number;
  readonly inUse: number;
  /** What --quota-backend-bytes says: 0 is the default (2 GiB), less is none. */
  readonly quota: number;
}

/** How long a lease lives, in seconds. */
export interface LeaseLife {
  /** What is left, rounded towards zero: negative for one that ended a second ago and is not revoked yet. */
  readonly ttl: number;
  readonly grantedTtl: number;
  /** Those that hang on it, if they were asked for. */
  readonly keys: readonly Uint8Array[];
}

/** What is known of leases outside the log: the leader knows it, and is asked. `done` is called once, null stands for no such lease. */
export interface LeaseApi {
  /** For a lease whose client leaves the choice to the server. */
  newId(): bigint;
  /** The ids of all leases that this member has applied, in the order of their ends if it leads. */
  ids(): readonly bigint[];
  /** Gives a lease all of its time again, and says how many seconds that is. Gives up when it is not `isWanted` any more. */
  renew(id: bigint, isWanted: () => boolean, done: (outcome: Result<number | null, RpcError>) => void): void;
  timeToLive(
    request: LeaseTimeToLiveRequest,
    isWanted: () => boolean,
    done: (outcome: Result<LeaseLife | null, RpcError>) => void,
  ): void;
}

/** A new member, and all members with it. */
export interface AddedMember {
  readonly member: ClusterMember;
  readonly members: readonly ClusterMember[];
}

export interface MemberApi {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly store: KvStore;
  readonly leases: LeaseApi;
  raftTerm(): number;
  /** 0n while no leader is known. */
  leaderId(): bigint;
  isLearner(): boolean;
  committedIndex(): number;
  appliedIndex(): number;
  /**
   * Proposes an InternalRaftRequest whose body is field `field` with the encoded message `raw`, which is copied in before this
   * returns. `done` is called exactly once: with the applied result, or with the error that the client gets: too many requests
   * (more than 5000 entries committed but not applied), request too large (the marshalled entry exceeds `maxRequestBytes`),
   * a time-out after 5 s + 2 election timeouts, stopped; an applied request that failed gives its own error.
   */
  propose(field: number, raw: Uint8Array, done: (outcome: Result<ApplyResponse, RpcError>) => void): void;
  /**
   * Whether a write of this cost (etcd's estimate, apply/quota.ts) goes beyond the quota of this member's database. If so, the alarm
   * NOSPACE is raised, and then `refuse` called with what the client gets; else there is nothing to do.
   */
  refuseForSpace(costBytes: number, refuse: (error: RpcError) => void): boolean;
  /** Calls done once, with null as soon as this member has applied a read index that a quorum confirmed after this call. */
  linearizableRead(done: (error: RpcError | null) => void): void;
  /** In ascending order of their ids. */
  members(): readonly ClusterMember[];
  /** "3.6.0"; null until the leader has decided one. */
  clusterVersion(): string | null;
  /** "3.6.0": the version of the database's schema; empty until something was applied. */
  storageVersion(): string;
  /** The same as the database itself notes it: empty before 3.6. */
  notedStorageVersion(): string;
  downgrade(): DowngradeInfo;
  /** Whether the cluster could be downgraded to a version, "3.5"; resolves to its present one, "3.6". */
  validateDowngrade(version: string): Promise<Result<string, RpcError>>;
  /** Begins to downgrade the cluster: it is of the lower version a little later. */
  enableDowngrade(version: string): Promise<Result<string, RpcError>>;
  /** That none is under way is no error. */
  cancelDowngrade(): Promise<Result<string, RpcError>>;
  databaseSize(): DatabaseSize;
  hash(done: (outcome: Result<BackendHash, RpcError>) => void): void;
  /** `revision` 0 is the current one; fails with compacted or future revision. */
  hashKv(revision: number, done: (outcome: Result<KvHash, RpcError>) => void): void;
  alarms(): readonly AlarmEntry[];
  /** Changes of the membership; resolves when they have taken effect. `peerUrls` are checked and sorted. */
  addMember(peerUrls: readonly string[], isLearner: boolean): Promise<Result<AddedMember, RpcError>>;
  removeMember(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>>;
  updateMember(id: bigint, peerUrls: readonly string[]): Promise<Result<readonly ClusterMember[], RpcError>>;
  /** Asks the leader, if that is another. */
  promoteMember(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>>;
  moveLeader(to: bigint): Promise<Result<void, RpcError>>;
  /** The database as of now, while writes go on; the caller releases it. */
  snapshot(): Promise<BackendSnapshot>;
  /** Gives the database's free pages back to the file system. */
  defragment(): Promise<Result<void, RpcError>>;
  /** --max-request-bytes (1 572 864): the largest marshalled InternalRaftRequest. */
  readonly maxRequestBytes: number;
  /** --max-txn-ops (128). */
  readonly maxTxnOps: number;
}
