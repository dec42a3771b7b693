/**
 * Everything that committed entries change, and the database that holds it: the key-value store, the membership, the leases, the
 * alarms, the schema's version. `restore` takes all of it from a database: at start, and when the leader has sent another one.
 */
import { type ConfState, emptyConfState } from '../../proto/raftpb.ts';
import { Alarms } from '../apply/alarms.ts';
import { ClusterBooks } from '../apply/cluster-books.ts';
import { Quota } from '../apply/quota.ts';
import { confStateFrom, confStateJson } from '../cluster/conf-state.ts';
import type { Member } from '../cluster/member.ts';
import { Membership } from '../cluster/membership.ts';
import type { EtcdConfig } from '../config/config.ts';
import { gateEnabled } from '../config/feature-gates.ts';
import { Lessor } from '../lease/lessor.ts';
import { KvStore } from '../mvcc/store.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { initializeAuth } from '../storage/schema/auth.ts';
import {
  type AppliedMark,
  deleteStorageVersion,
  putConfState,
  putStorageVersion,
  readConfState,
  readMark,
  readStorageVersion,
} from '../storage/schema/meta.ts';
import { electionTicks } from './elections.ts';

export type StateConfig = Pick<
  EtcdConfig,
  | 'maxLearners'
  | 'quotaBackendBytes'
  | 'compactionBatchLimit'
  | 'electionTimeoutMs'
  | 'heartbeatIntervalMs'
  | 'featureGates'
>;

const defaultCompactionBatch = 1000;

export class MemberState {
  readonly store: KvStore;
  readonly membership: Membership;
  readonly cluster: ClusterBooks;
  readonly alarms: Alarms;
  readonly lessor: Lessor;
  readonly quota: Quota;
  /** Members that the database called learners, but that vote; what was restored calls them voters. */
  repaired: readonly Member[] = [];
  /** Called when the database has committed something. */
  onCommitted: () => void = () => {};
  private current: Backend;
  private lastMark: AppliedMark = { index: 0, term: 0 };
  private raftMembers: ConfState = emptyConfState;
  private schema = '';

  /** Over an empty database; to be followed by `restore`. With the membership of an earlier state, it takes that one over. */
  constructor(backend: Backend, clusterId: bigint, localId: bigint, config: StateConfig, membership?: Membership) {
    const { maxLearners, quotaBackendBytes, compactionBatchLimit } = config;
    this.current = backend;
    this.membership =
      membership ??
      new Membership({ clusterId, localId, members: [], removed: [], version: null, learnersMax: maxLearners });
    this.store = new KvStore(backend, { compactionBatchRecords: compactionBatchLimit || defaultCompactionBatch });
    this.cluster = new ClusterBooks(this.membership, backend);
    this.alarms = new Alarms(backend);
    this.lessor = new Lessor(
      backend,
      leaseSecondsMin(config),
      gateEnabled(config.featureGates, 'LeaseCheckpointPersist'),
    );
    this.store.leases = this.lessor;
    this.quota = new Quota(quotaBackendBytes, () => this.current.size());
  }

  get backend(): Backend {
    return this.current;
  }

  /** The last entry that the state holds. */
  get applied(): AppliedMark {
    return this.lastMark;
  }

  /** Who votes, after that entry. */
  get confState(): ConfState {
    return this.raftMembers;
  }

  /** "3.6.0" once the cluster version allows it; empty before. */
  get storageVersion(): string {
    return this.schema;
  }

  /**
   * Takes over what a database holds, in place of all that is here; whoever closes the database that was here before closes it. Rests
   * between steps of about ten milliseconds by awaiting `turn`, and nothing else may use the state meanwhile. Rejects with a ProtoError
   * or JsonError if the database holds what no etcd wrote.
   */
  async restore(backend: Backend, turn: () => Promise<void>): Promise<void> {
    this.current = backend;
    this.cluster.restore(backend);
    this.alarms.restore(backend);
    this.lessor.restore(backend);
    this.schema = readStorageVersion(backend) ?? '';
    this.lastMark = readMark(backend);
    const isEmpty = this.lastMark.index === 0;
    this.raftMembers = isEmpty ? emptyConfState : confStateFrom(readConfState(backend), this.membership);
    // Members of 3.5 may have lost a promotion in what they say of members (etcd-io/etcd#19557), but never in what Raft says.
    this.repaired = this.cluster.promoteLost(this.raftMembers.voters);
    const step = this.store.beginRestore(backend);
    while (!step()) await turn();
    initializeAuth(backend);
    if (this.lastMark.index === 0) backend.mark(0, 0);
    backend.onCommitted = () => {
      this.store.committed();
      this.onCommitted();
    };
  }

  /** The entry and all before it are applied: what they wrote may be committed. */
  mark(index: number, term: number): void {
    this.lastMark = { index, term };
    this.current.mark(index, term);
  }

  /** What was written since the last entry, by no entry, may be committed with that. */
  markAgain(): void {
    this.current.mark(this.lastMark.index, this.lastMark.term);
  }

  /** A conf change took effect. */
  setConfState(confState: ConfState): void {
    this.raftMembers = confState;
    putConfState(this.current, confStateJson(confState));
  }

  /** As databases before 3.6 are. */
  removeStorageVersion(): void {
    this.schema = '';
    deleteStorageVersion(this.current);
  }

  setStorageVersion(version: string): void {
    this.schema = version;
    putStorageVersion(this.current, version);
  }
}

/** etcd lets no lease end before a new leader can have been elected (its minLeaseTTL): one and a half election time-outs, in seconds. */
function leaseSecondsMin(config: StateConfig): number {
  const ticks = Math.floor((3 * electionTicks(config)) / 2);
  return Math.ceil((ticks * config.heartbeatIntervalMs) / 1000);
}
