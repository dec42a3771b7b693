/**
 * One etcd member: it joins the Raft driver, the WAL, the applier and the peers into what the services ask of it (MemberApi).
 */
import { dirname } from 'node:path';
import type { Timer } from '../../base/ports.ts';
import { err, type Result } from '../../base/result.ts';
import { alarmType } from '../../proto/etcdserverpb-maintenance.ts';
import type { Message } from '../../proto/raftpb.ts';
import type { MemoryStorage } from '../../raft/storage.ts';
import type { ReadState } from '../../raft/types.ts';
import type { AlarmEntry, ApplyResponse } from '../apply/response.ts';
import { formatId } from '../cluster/ids.ts';
import { memberJson } from '../cluster/member.ts';
import type { DowngradeInfo, Membership } from '../cluster/membership.ts';
import { shortVersion } from '../cluster/versions.ts';
import type { EtcdConfig } from '../config/config.ts';
import { gateEnabled } from '../config/feature-gates.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import { checkpointIntervalMs } from '../lease/primary.ts';
import type { Logger } from '../log/logger.ts';
import type { KvStore } from '../mvcc/store.ts';
import { type BackendSnapshot, pendingBytesMax } from '../storage/backend/backend.ts';
import type { AddedMember, BackendHash, ClusterMember, DatabaseSize, KvHash, MemberApi } from './api.ts';
import { AutoCompaction } from './auto-compaction.ts';
import { ClientRequests } from './client-requests.ts';
import { ClusterChanges } from './cluster-changes.ts';
import { ClusterVersion } from './cluster-version.ts';
import { CommittedEntries } from './committed-entries.ts';
import { CompactionRunner } from './compaction-runner.ts';
import { Connections } from './connections.ts';
import { CorruptionMonitor } from './corruption-monitor.ts';
import { defragment } from './defragment.ts';
import { type LeaderChange, RaftDriver } from './driver.ts';
import { Elections } from './elections.ts';
import { Hashes } from './hashes.ts';
import { LeadershipTransfer } from './leadership-transfer.ts';
import { Leases } from './leases.ts';
import { databasePath, type OpenedMember } from './open.ts';
import { compactTo, raiseAlarm } from './own-requests.ts';
import type { MemberPorts } from './ports.ts';
import { publish } from './publisher.ts';
import { raftConfig, raftStorage } from './raft-config.ts';
import { logLeaderChange, raftLogger } from './raft-logger.ts';
import { type RaftView, raftView } from './raft-view.ts';
import { ReadBarrier } from './read-barrier.ts';
import { Reconfiguration } from './reconfiguration.ts';
import { RequestTimeouts } from './request-timeouts.ts';
import { serverVersion } from './server-version.ts';
import { SnapshotExchange } from './snapshot-exchange.ts';
import { Snapshots } from './snapshots.ts';
import type { MemberState } from './state.ts';
import { detectedVersion } from './storage-version.ts';

/** A member that is removed goes on for so long, as etcd's do. */
const removalDelayMs = 1_000;

export class Member implements MemberApi {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly leases: Leases;
  private state: MemberState;
  private readonly config: EtcdConfig;
  private readonly ports: MemberPorts;
  private readonly logger: Logger;
  private readonly log: OpenedMember;
  private readonly driver: RaftDriver;
  private readonly committed: CommittedEntries;
  private readonly requests: ClientRequests;
  private readonly barrier: ReadBarrier;
  private readonly versions: ClusterVersion;
  private readonly timeouts: RequestTimeouts;
  private readonly connections: Connections;
  private readonly elections: Elections;
  private readonly transfers: LeadershipTransfer;
  private readonly changes: ClusterChanges;
  private readonly compactions: CompactionRunner;
  private readonly autoCompaction: AutoCompaction;
  private readonly snapshots: Snapshots;
  private readonly exchange: SnapshotExchange;
  private readonly reconfiguration: Reconfiguration;
  private readonly hashes: Hashes;
  private readonly corruption: CorruptionMonitor;
  private ticker: Timer | null = null;
  private stopped = false;

  constructor(config: EtcdConfig, log: OpenedMember, ports: MemberPorts) {
    this.config = config;
    this.ports = ports;
    this.log = log;
    this.state = log.state;
    this.logger = ports.logger;
    this.memberId = log.memberId;
    this.clusterId = log.clusterId;
    this.maxRequestBytes = config.maxRequestBytes;
    this.maxTxnOps = config.maxTxnOps;
    this.connections = new Connections(log.memberId, this.membership);
    this.timeouts = new RequestTimeouts(log.memberId, config.electionTimeoutMs, {
      clock: ports.clock,
      connections: this.connections,
      leaderId: () => this.leaderId(),
    });
    this.changes = new ClusterChanges(log.clusterId, log.memberId, {
      logger: ports.logger,
      connections: this.connections,
      // Whoever asked for it is answered first.
      removed: () => ports.clock.after(removalDelayMs, ports.removed),
    });
    this.compactions = new CompactionRunner(this.state, config.compactionSleepIntervalMs, ports);
    this.committed = new CommittedEntries(this.state, {
      clock: ports.clock,
      logger: ports.logger,
      metrics: ports.metrics.apply,
      changes: this.changes,
      isLeader: () => this.isLeader(),
      raftTerm: () => this.raftTerm(),
      applyConfChange: (change) => this.driver.node.applyConfChange({ version: 1, change }),
      completed: (id, outcome) => this.requests.applied(id, outcome),
      reconfigured: (id, outcome) => this.reconfiguration.applied(id, outcome),
      clusterVersionChanged: (version, previous) => this.versions.changed(version, previous),
      scheduleCompaction: (revision) => this.compactions.finish(revision),
      termOpened: () => this.leases.termOpened(),
      applied: (index) => {
        this.snapshots.applied();
        this.barrier.applied(index);
        this.leases.applied(index);
      },
      committedInTerm: () => {
        this.barrier.retryNow();
        this.versions.decide();
      },
    });
    const { maxRequestBytes, quotaBackendBytes } = config;
    const timeoutMs = this.timeouts.requestMs;
    this.requests = new ClientRequests(
      log.memberId,
      { maxRequestBytes, quotaBackendBytes, timeoutMs },
      {
        clock: ports.clock,
        logger: ports.logger,
        state: () => this.state,
        propose: (data) => this.driver.propose(data),
        proposeAsLeader: (data) => this.driver.proposeAsLeader(data),
        dropQueued: (entries) => this.driver.dropQueued(entries),
        timeoutError: (startedMs) => this.timeouts.error(startedMs),
        failed: () => ports.metrics.proposalsFailed.inc(),
      },
    );
    this.barrier = new ReadBarrier(
      {
        clock: ports.clock,
        requestReadIndex: (context) => this.driver.update((node) => node.readIndex(context)),
        nextRequestId: () => this.requests.nextId(),
        appliedIndex: () => this.appliedIndex(),
        schedule: ports.schedule,
        slowRound: () => ports.metrics.slowReadIndexes.inc(),
        failedRound: () => ports.metrics.readIndexesFailed.inc(),
      },
      timeoutMs,
    );
    this.corruption = this.createCorruptionMonitor();
    this.leases = this.createLeases();
    this.hashes = new Hashes({
      clock: ports.clock,
      metrics: ports.metrics.maintenance,
      schedule: ports.schedule,
      state: () => this.state,
      isStopped: () => this.stopped,
    });
    this.autoCompaction = new AutoCompaction(config.compaction, {
      clock: ports.clock,
      logger: ports.logger,
      isLeader: () => this.isLeader(),
      revision: () => this.store.revision,
      compact: (revision) => compactTo(this, revision),
    });
    const storage = raftStorage(log);
    this.driver = this.createDriver(storage);
    this.snapshots = new Snapshots(
      {
        snapshotCount: config.snapshotCount,
        catchupEntries: config.snapshotCatchupEntries,
        maxSnapshots: config.maxSnapshots,
        maxWals: config.maxWals,
      },
      log.snapshot?.metadata.index ?? 0,
      {
        clock: ports.clock,
        disk: ports.disk,
        logger: ports.logger.at('member/snapshots.ts'),
        metrics: ports.metrics.maintenance,
        wal: log.wal,
        directory: dirname(databasePath(config)),
        storage,
        state: () => this.state,
        saveCommit: () => this.driver.saveCommit(),
        failed: ports.failed,
      },
    );
    this.versions = new ClusterVersion(config.downgradeCheckTimeMs, {
      clock: ports.clock,
      logger: ports.logger,
      member: this,
      snapshots: this.snapshots,
      applier: this.committed.applier,
      state: () => this.state,
      peerVersions: () => ports.peerVersions(this.otherMembers()),
      soon: ports.soon,
    });
    this.exchange = new SnapshotExchange({
      config,
      disk: ports.disk,
      logger: ports.logger.at('member/snapshot-exchange.ts'),
      metrics: ports.metrics.maintenance,
      snapshots: this.snapshots,
      connections: this.connections,
      schedule: (callback) => ports.schedule(callback),
      openDatabase: (path) => ports.openDatabase(path),
      state: () => this.state,
      replaceState: (state) => this.replaceState(state),
      isStopped: () => this.stopped,
      installed: (index) => {
        this.versions.updateSchema();
        this.barrier.applied(index);
        this.leases.applied(index);
      },
      reportSnapshot: (id, success) => this.driver.update((node) => node.reportSnapshot(id, success)),
    });
    this.watchState();
    this.reconfiguration = new Reconfiguration(log.memberId, config.strictReconfigCheck, timeoutMs, {
      clock: ports.clock,
      logger: ports.logger,
      membership: this.membership,
      connections: this.connections,
      update: (change) => this.driver.update(change),
      nextRequestId: () => this.requests.nextId(),
      timeoutError: (startedMs) => this.timeouts.error(startedMs),
    });
    const { clock, logger, random } = ports;
    const { driver, membership, connections } = this;
    const voting = { clock, logger, driver, membership, connections };
    this.elections = new Elections(log.memberId, config, { ...voting, random });
    this.transfers = new LeadershipTransfer(log.memberId, config.electionTimeoutMs, {
      ...voting,
      onLeader: (listener) => this.elections.onLeader(listener),
    });
  }

  private createCorruptionMonitor(): CorruptionMonitor {
    const { config, ports } = this;
    const timeoutMs = this.timeouts.requestMs;
    const checksCompactions = gateEnabled(config.featureGates, 'CompactHashCheck');
    const settings = {
      periodMs: config.corruptCheckTimeMs,
      compactHashPeriodMs: checksCompactions ? config.compactHashCheckTimeMs : 0,
      timeoutMs,
    };
    return new CorruptionMonitor(this.memberId, settings, {
      clock: ports.clock,
      logger: ports.logger.at('member/corruption-monitor.ts'),
      isLeader: () => this.isLeader(),
      hashKv: (revision, done) => this.hashKv(revision, done),
      linearizableRead: (done) => this.linearizableRead(done),
      peerHashes: (revision) => ports.peerHashes(this.otherMembers(), revision, timeoutMs),
      compactionHashes: () => this.store.compactionHashes,
      // If it is lost, the next check raises it again.
      raiseAlarm: (memberId) => raiseAlarm(this, alarmType.corrupt, memberId, () => {}),
    });
  }

  private createLeases(): Leases {
    const { config, ports } = this;
    const requestTimeoutMs = this.timeouts.requestMs;
    const { electionTimeoutMs, heartbeatIntervalMs, featureGates } = config;
    const checkpoints = gateEnabled(featureGates, 'LeaseCheckpoint') ? checkpointIntervalMs : null;
    return new Leases(
      { requestTimeoutMs, electionTimeoutMs, heartbeatIntervalMs, checkpointIntervalMs: checkpoints },
      this.state.lessor,
      {
        clock: ports.clock,
        logger: ports.logger.at('member/leases.ts'),
        counters: ports.metrics.leases,
        memberId: this.memberId,
        leaderId: () => this.leaderId(),
        members: () => this.membership.members(),
        committedIndex: () => this.committedIndex(),
        appliedIndex: () => this.appliedIndex(),
        nextRequestId: () => this.requests.nextId(),
        linearizableRead: (done) => this.linearizableRead(done),
        proposeAsLeader: (field, raw, done) => this.requests.proposeAsLeader(field, raw, done),
        atLeader: ports.leasesAtLeader,
      },
    );
  }

  private createDriver(storage: MemoryStorage): RaftDriver {
    const { config, log, ports } = this;
    const { applied } = this.state;
    return new RaftDriver(
      raftConfig(log.memberId, config, storage, applied.index, raftLogger(ports.logger), ports.random),
      storage,
      log.hardState,
      {
        wal: log.wal,
        schedule: ports.schedule,
        soon: ports.soon,
        send: (messages) => this.exchange.send(messages),
        mayApply: () => this.state.backend.pendingBytes <= pendingBytesMax,
        apply: (entries) => this.committed.apply(entries),
        install: (snapshot, hardState) => this.exchange.install(snapshot, hardState),
        readStates: (states) => this.readStates(states),
        leaderChanged: (change) => this.leaderChanged(change),
        raftChanged: () => ports.raftChanged?.(),
        diskFailed: (error) => ports.failed(error),
      },
    );
  }

  private watchState(): void {
    for (const member of this.state.repaired)
      this.logger.warn('Syncing member in v3store', { member: memberJson(member) });
    this.state.onCommitted = () => this.driver.resumeApplying();
    this.state.backend.onFailed = ({ message, cause }) => this.ports.failed(new Error(message, { cause }));
  }

  get store(): KvStore {
    return this.state.store;
  }

  get membership(): Membership {
    return this.state.membership;
  }

  /** Compares the state that was on disk with that of the other members; to be called before `start`. The error is etcd's text. */
  checkCorruption(): Promise<Result<void, string>> {
    return this.corruption.checkInitially();
  }

  /** Applies what the log has beyond the database, connects to the peers and starts Raft's clock. Rejects if the disk fails. */
  async start(): Promise<void> {
    const { config, ports, logger } = this;
    await this.replay();
    if (this.stopped) return;
    logger.info('kvstore restored', { 'current-rev': this.store.revision });
    this.versions.updateSchema();
    this.compactions.resume();
    if (this.membership.isRemoved(this.memberId)) {
      ports.removed();
      return;
    }
    const transport = ports.connect(this);
    this.connections.transport = transport;
    for (const { id, peerUrls } of [...this.membership.members(), ...this.log.joining]) {
      if (id !== this.memberId) transport.addPeer(id, peerUrls);
    }
    const version = this.membership.version();
    logger.info('starting etcd server', {
      'local-member-id': formatId(this.memberId),
      'local-server-version': serverVersion,
      'cluster-id': formatId(this.clusterId),
      'cluster-version': version === null ? 'to_be_decided' : shortVersion(version),
    });
    this.versions.start();
    this.corruption.start();
    this.ticker = ports.clock.every(config.heartbeatIntervalMs, () => {
      this.driver.tick();
      this.leases.ticked();
    });
    this.elections.start(this.log.restarted);
  }

  private async replay(): Promise<void> {
    this.driver.runNow();
    while (!this.stopped && this.appliedIndex() < this.log.hardState.commit) {
      await this.state.backend.commit();
      this.driver.runNow();
    }
  }

  /** Makes this member's name and client URLs known to the cluster; resolves when that is applied, or the member stops. */
  publish(): Promise<void> {
    return publish(this, this.config, this.timeouts.requestMs, this.logger, {
      serverVersions: () => this.versions.serverVersions(),
      onLeader: (listener) => this.elections.onLeader(listener),
      isStopped: () => this.stopped,
    });
  }

  /** Hands leadership over, if this member has it. Resolves at the latest after an election time-out. */
  transferLeadership(): Promise<void> {
    return this.transfers.beforeStop();
  }

  moveLeader(to: bigint): Promise<Result<void, RpcError>> {
    return this.transfers.moveLeader(to);
  }

  addMember(peerUrls: readonly string[], isLearner: boolean): Promise<Result<AddedMember, RpcError>> {
    return this.reconfiguration.add(peerUrls, isLearner);
  }

  removeMember(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>> {
    return this.reconfiguration.remove(id);
  }

  updateMember(id: bigint, peerUrls: readonly string[]): Promise<Result<readonly ClusterMember[], RpcError>> {
    return this.reconfiguration.update(id, peerUrls);
  }

  async promoteMember(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>> {
    const here = await this.promoteHere(id);
    if (here.ok || here.error !== rpcErrors.notLeader) return here;
    const leader = this.membership.member(this.leaderId());
    return leader === null ? err(rpcErrors.noLeader) : this.ports.promoteAt(leader, id);
  }

  /** Promotes a learner if this member leads; else the error is `notLeader`. */
  promoteHere(id: bigint): Promise<Result<readonly ClusterMember[], RpcError>> {
    return this.reconfiguration.promote(id);
  }

  snapshot(): Promise<BackendSnapshot> {
    return this.state.backend.snapshot();
  }

  defragment(): Promise<Result<void, RpcError>> {
    return defragment(this.state.backend, databasePath(this.config), this.ports.clock, this.logger);
  }

  raftView(): RaftView {
    return raftView(this.driver.node);
  }

  /** Closes the database, when everything else has stopped. */
  async closeState(): Promise<void> {
    await this.exchange.settled();
    await this.snapshots.stop();
    await this.state.backend.close();
  }

  /** Stops Raft and answers everyone who waits. The transport and the WAL are their owners' to close. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.ticker?.cancel();
    this.elections.stop();
    this.versions.stop();
    this.corruption.stop();
    this.autoCompaction.stop();
    this.compactions.stop();
    this.driver.stop();
    this.leases.stop();
    this.requests.stop();
    this.reconfiguration.stop();
    this.barrier.stop();
  }

  /** A message from a peer. */
  step(message: Message): void {
    this.driver.step(message);
  }

  /** The process of a peer is gone: see Elections. */
  peerProcessGone(id: bigint): void {
    this.elections.peerProcessGone(id);
  }

  /** Messages can be sent to a peer again: see Elections. */
  peerConnected(): void {
    this.elections.peerConnected();
  }

  reportUnreachable(id: bigint): void {
    this.driver.update((node) => node.reportUnreachable(id));
  }

  reportSnapshot(id: bigint, success: boolean): void {
    this.exchange.reported(id, success);
  }

  /** Whether connections are up to as many voters as can agree on anything, this member among them. */
  isQuorumConnected(): boolean {
    return this.connections.quorumConnectedSince(Number.POSITIVE_INFINITY);
  }

  isLeader(): boolean {
    return this.driver.leaderId === this.memberId;
  }

  raftTerm(): number {
    return this.driver.raftTerm;
  }

  leaderId(): bigint {
    return this.driver.leaderId;
  }

  isLearner(): boolean {
    return this.membership.isLocalLearner();
  }

  committedIndex(): number {
    return this.driver.node.basicStatus().commit;
  }

  appliedIndex(): number {
    return this.committed.applier.appliedIndex;
  }

  pendingProposals(): number {
    return this.requests.pending;
  }

  members(): readonly ClusterMember[] {
    return this.membership.members();
  }

  clusterVersion(): string | null {
    return this.membership.version();
  }

  storageVersion(): string {
    return detectedVersion(this.state);
  }

  notedStorageVersion(): string {
    return this.state.storageVersion;
  }

  downgrade(): DowngradeInfo {
    return this.membership.downgrade();
  }

  validateDowngrade(version: string): Promise<Result<string, RpcError>> {
    return this.versions.downgrades.validate(version);
  }

  enableDowngrade(version: string): Promise<Result<string, RpcError>> {
    return this.versions.downgrades.enable(version);
  }

  cancelDowngrade(): Promise<Result<string, RpcError>> {
    return this.versions.downgrades.cancel();
  }

  databaseSize(): DatabaseSize {
    const { backend } = this.state;
    return { total: backend.size(), inUse: backend.inUse(), quota: this.config.quotaBackendBytes };
  }

  hash(done: (outcome: Result<BackendHash, RpcError>) => void): void {
    this.hashes.ofDatabase(done);
  }

  hashKv(revision: number, done: (outcome: Result<KvHash, RpcError>) => void): void {
    this.hashes.ofKeys(revision, done);
  }

  alarms(): readonly AlarmEntry[] {
    return this.state.alarms.list();
  }

  propose(field: number, raw: Uint8Array, done: (outcome: Result<ApplyResponse, RpcError>) => void): void {
    this.requests.propose(field, raw, done);
  }

  refuseForSpace(costBytes: number, refuse: (error: RpcError) => void): boolean {
    return this.requests.refuseForSpace(costBytes, refuse);
  }

  linearizableRead(done: (error: RpcError | null) => void): void {
    this.barrier.wait(done);
  }

  /** Stores a database that the leader sends; Raft sees the message after it. */
  receiveSnapshot(message: Message, database: AsyncIterable<Uint8Array>): Promise<void> {
    return this.snapshots.receive(message, database);
  }

  private replaceState(state: MemberState): void {
    this.state = state;
    this.committed.replace(state);
    this.leases.replace(state.lessor);
    this.watchState();
    this.compactions.replace(state);
  }

  private readStates(states: readonly ReadState[]): void {
    for (const { requestContext, index } of states) this.barrier.confirmed(requestContext, index);
  }

  private leaderChanged(change: LeaderChange): void {
    const { leader } = change;
    logLeaderChange(this.logger, this.memberId, change);
    if (leader !== 0n) {
      if (this.isLeader()) this.timeouts.elected();
      this.ports.metrics.leaderChanges.inc();
      this.barrier.leaderChanged();
    }
    this.elections.leaderChanged(leader);
    this.leases.leaderChanged();
  }

  private otherMembers(): ClusterMember[] {
    // One that joins knows the members from those that it asked, until it has applied its own addition.
    const joins = this.membership.member(this.memberId) === null;
    const members = joins ? this.log.joining : this.membership.members();
    return members.filter((member) => member.id !== this.memberId);
  }
}
