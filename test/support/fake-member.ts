/** A member without Raft: what is proposed is applied in the next turn, and reads are confirmed in the next turn. */
import { err, ok, type Result } from '../../src/base/result.ts';
import { alarmAction, alarmRequest, alarmType } from '../../src/proto/etcdserverpb-maintenance.ts';
import { encodeInternalRequest, internalField } from '../../src/proto/raft-internal.ts';
import { type ConfChangeType, confChangeType, encodeConfChange, entryType } from '../../src/proto/raftpb.ts';
import { Alarms } from '../../src/server/apply/alarms.ts';
import { Applier } from '../../src/server/apply/applier.ts';
import { ClusterBooks } from '../../src/server/apply/cluster-books.ts';
import { Quota } from '../../src/server/apply/quota.ts';
import type { AlarmEntry, ApplyResponse } from '../../src/server/apply/response.ts';
import { memberId } from '../../src/server/cluster/ids.ts';
import { memberJson, promotionJson } from '../../src/server/cluster/member.ts';
import { type DowngradeInfo, Membership, type MembershipError } from '../../src/server/cluster/membership.ts';
import { type RpcError, rpcErrors } from '../../src/server/grpc/status.ts';
import { Lessor } from '../../src/server/lease/lessor.ts';
import type {
  AddedMember,
  BackendHash,
  ClusterMember,
  DatabaseSize,
  KvHash,
  MemberApi,
} from '../../src/server/member/api.ts';
import { Downgrade } from '../../src/server/member/downgrade.ts';
import { Leases } from '../../src/server/member/leases.ts';
import { errorsOfMembership } from '../../src/server/member/reconfiguration.ts';
import { RequestIds } from '../../src/server/member/request-id.ts';
import { nodeClock } from '../../src/server/node-ports.ts';
import type { BackendSnapshot } from '../../src/server/storage/backend/backend.ts';
import { uncountedLeases } from './lease-counters.ts';
import { finishCompactions, memoryStore } from './memory-store.ts';
import { silentLogger } from './silent-logger.ts';

type Done = (outcome: Result<ApplyResponse, RpcError>) => void;

export class FakeMember implements MemberApi {
  readonly memberId = 0x8211f1d0f64f3269n;
  readonly clusterId = 0xef37ad9dc622a7c4n;
  readonly maxRequestBytes = 1_572_864;
  readonly maxTxnOps = 128;
  private readonly memory = memoryStore();
  readonly store = this.memory.store;
  /** What tests set to put the member into another state. */
  leader = this.memberId;
  learner = false;
  term = 2;
  /** Entries that were proposed, as they would stand in the log. */
  readonly proposed: Buffer[] = [];
  /** The size that its database pretends to have; the quota is the default. */
  databaseBytes = 20_480;
  private readonly alarmStore = new Alarms(this.memory.backend);
  private readonly quota = new Quota(0, () => this.databaseBytes);
  private readonly membership: Membership;
  private readonly lessor = new Lessor(this.memory.backend, 2);
  /** Nothing ends by itself here: the timers of a fake member never fire. */
  readonly leases = new Leases(
    { requestTimeoutMs: 7_000, electionTimeoutMs: 1_000, heartbeatIntervalMs: 100_000, checkpointIntervalMs: null },
    this.lessor,
    {
      clock: { ...nodeClock, every: () => ({ cancel: () => {} }) },
      logger: silentLogger,
      counters: uncountedLeases,
      memberId: this.memberId,
      leaderId: () => this.leader,
      members: () => this.members(),
      committedIndex: () => this.index,
      appliedIndex: () => this.index,
      nextRequestId: () => this.ids.idOf(this.ids.nextKey()),
      linearizableRead: (done) => this.linearizableRead(done),
      proposeAsLeader: (field, raw, done) => this.propose(field, raw, done),
      atLeader: { renew: async () => ({ type: 'failed' }), timeToLive: async () => ({ type: 'failed' }) },
    },
  );
  private readonly applier: Applier;
  private readonly ids = new RequestIds(this.memberId, 1_700_000_000_000);
  private readonly waiting = new Map<bigint, Done>();
  private readonly downgrades = new Downgrade({
    logger: silentLogger,
    propose: (field, raw, done) => this.propose(field, raw, done),
    linearizableRead: (done) => this.linearizableRead(done),
    clusterVersion: () => this.clusterVersion(),
    downgrade: () => this.downgrade(),
  });
  private index = 0;
  private lastChange: Result<null, MembershipError> = ok(null);

  constructor() {
    this.membership = new Membership({
      clusterId: this.clusterId,
      localId: this.memberId,
      members: [
        {
          id: this.memberId,
          name: 'infra1',
          peerUrls: ['http://127.0.0.1:12380'],
          clientUrls: ['http://127.0.0.1:12379'],
          isLearner: false,
        },
      ],
      removed: [],
      version: '3.6.0',
    });
    const cluster = new ClusterBooks(this.membership, this.memory.backend);
    this.store.leases = this.lessor;
    this.leases.termOpened();
    this.applier = new Applier(
      { store: this.store, cluster, alarms: this.alarmStore, lessor: this.lessor, quota: this.quota },
      {
        confChange: () => {},
        completed: (id, outcome) => {
          this.waiting.get(id)?.(outcome);
          this.waiting.delete(id);
        },
        membershipChanged: () => {},
        reconfigured: (_id, outcome) => {
          this.lastChange = outcome;
        },
        membershipRefused: () => {},
        memberPublished: () => {},
        clusterVersionChanged: () => {},
        begins: () => {},
        ends: () => {},
        unsupported: () => {},
        scheduleCompaction: async () => {
          await null;
          finishCompactions(this.memory);
        },
      },
      0,
    );
  }

  raftTerm(): number {
    return this.term;
  }

  leaderId(): bigint {
    return this.leader;
  }

  isLearner(): boolean {
    return this.learner;
  }

  committedIndex(): number {
    return this.index;
  }

  appliedIndex(): number {
    return this.index;
  }

  propose(field: number, raw: Uint8Array, done: Done): void {
    const id = this.ids.idOf(this.ids.nextKey());
    const data = encodeInternalRequest(id, field, raw);
    if (data.length > this.maxRequestBytes) {
      done(err(rpcErrors.requestTooLarge));
      return;
    }
    this.proposed.push(data);
    this.waiting.set(id, done);
    setImmediate(() => {
      this.index++;
      this.applier.apply({ type: entryType.normal, term: this.term, index: this.index, data });
    });
  }

  refuseForSpace(costBytes: number, refuse: (error: RpcError) => void): boolean {
    if (this.quota.allows(costBytes)) return false;
    const raise = { action: alarmAction.activate, memberId: this.memberId, alarm: alarmType.noSpace };
    this.propose(internalField.alarm, alarmRequest.encode(raise), () => refuse(rpcErrors.noSpace));
    return true;
  }

  linearizableRead(done: (error: RpcError | null) => void): void {
    setImmediate(() => done(this.leader === 0n ? rpcErrors.timeout : null));
  }

  members(): readonly ClusterMember[] {
    return this.membership.members();
  }

  async addMember(peerUrls: readonly string[], isLearner: boolean): Promise<Result<AddedMember, RpcError>> {
    const member = { id: memberId(peerUrls, '', 1), name: '', peerUrls, clientUrls: [], isLearner };
    const type = isLearner ? confChangeType.addLearnerNode : confChangeType.addNode;
    const members = await this.change(type, member.id, memberJson(member));
    return members.ok ? ok({ member, members: members.value }) : members;
  }

  removeMember(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>> {
    return this.change(confChangeType.removeNode, id, null);
  }

  updateMember(id: bigint, peerUrls: readonly string[]): Promise<Result<readonly ClusterMember[], RpcError>> {
    const member = { id, name: '', peerUrls, clientUrls: [], isLearner: false };
    return this.change(confChangeType.updateNode, id, memberJson(member));
  }

  promoteMember(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>> {
    return this.change(confChangeType.addNode, id, promotionJson(id));
  }

  private async change(
    type: ConfChangeType,
    nodeId: bigint,
    context: string | null,
  ): Promise<Result<readonly ClusterMember[], RpcError>> {
    await null;
    const change = { id: 1n, type, nodeId, context: context === null ? null : Buffer.from(context) };
    this.index++;
    this.applier.apply({
      type: entryType.confChange,
      term: this.term,
      index: this.index,
      data: encodeConfChange(change),
    });
    return this.lastChange.ok ? ok(this.members()) : err(errorsOfMembership[this.lastChange.error]);
  }

  async moveLeader(to: bigint): Promise<Result<void, RpcError>> {
    if (this.leader !== this.memberId) return err(rpcErrors.notLeader);
    return this.membership.member(to) === null ? err(rpcErrors.badLeaderTransferee) : ok(undefined);
  }

  snapshot(): Promise<BackendSnapshot> {
    return this.memory.backend.snapshot();
  }

  async defragment(): Promise<Result<void, RpcError>> {
    await this.memory.backend.defragment();
    return ok(undefined);
  }

  setClusterVersion(version: string): void {
    this.membership.setVersion(version);
  }

  clusterVersion(): string | null {
    return this.membership.version();
  }

  storageVersion(): string {
    return '3.6.0';
  }

  notedStorageVersion(): string {
    return this.storageVersion();
  }

  downgrade(): DowngradeInfo {
    return this.membership.downgrade();
  }

  validateDowngrade(version: string): Promise<Result<string, RpcError>> {
    return this.downgrades.validate(version);
  }

  enableDowngrade(version: string): Promise<Result<string, RpcError>> {
    return this.downgrades.enable(version);
  }

  cancelDowngrade(): Promise<Result<string, RpcError>> {
    return this.downgrades.cancel();
  }

  databaseSize(): DatabaseSize {
    return { total: 20_480, inUse: 16_384, quota: 0 };
  }

  hash(done: (outcome: Result<BackendHash, RpcError>) => void): void {
    done(ok({ hash: 1, revision: this.store.revision }));
  }

  hashKv(revision: number, done: (outcome: Result<KvHash, RpcError>) => void): void {
    const hashed = this.store.hashKv(revision);
    if (hashed.ok) done(ok({ ...hashed.value, currentRevision: this.store.revision }));
    else done(err(hashed.error === 'compacted' ? rpcErrors.compacted : rpcErrors.futureRevision));
  }

  alarms(): readonly AlarmEntry[] {
    return this.alarmStore.list();
  }
}
