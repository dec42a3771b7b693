/**
 * One etcd member: it joins the Raft driver, the WAL, the applier and the peers into what the services ask of it (MemberApi).
 */
import { unreachable } from '../../base/assert.ts';
import { Duration } from '../../base/duration.ts';
import type { Clock, Random, Timer } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { clusterMemberAttrSetRequest, clusterVersionSetRequest } from '../../proto/membershippb.ts';
import { encodeInternalRequest, internalField } from '../../proto/raft-internal.ts';
import { type ConfChange, type ConfState, type Entry, emptyConfState, type Message } from '../../proto/raftpb.ts';
import { MemoryStorage } from '../../raft/storage.ts';
import type { ReadState } from '../../raft/types.ts';
import { Alarms } from '../apply/alarms.ts';
import { Applier } from '../apply/applier.ts';
import type { AlarmEntry, ApplyResponse } from '../apply/response.ts';
import { formatId } from '../cluster/ids.ts';
import { Membership, type MembershipChange, type MembershipError, membershipErrorText } from '../cluster/membership.ts';
import type { EtcdConfig } from '../config/config.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import { Lessor } from '../lease/lessor.ts';
import type { Logger } from '../log/logger.ts';
import { KvStore } from '../mvcc/store.ts';
import type { PeerTransport } from '../peer/transport.ts';
import type { BackendHash, ClusterMember, DatabaseSize, KvHash, MemberApi } from './api.ts';
import { backendHash } from './backend-hash.ts';
import { type LeaderChange, RaftDriver } from './driver.ts';
import type { MemberMetrics } from './member-metrics.ts';
import type { OpenedLog } from './open.ts';
import { Proposals } from './proposals.ts';
import { raftLogger } from './raft-logger.ts';
import { ReadBarrier } from './read-barrier.ts';
import { RequestIds } from './request-id.ts';
import { VersionMonitor } from './version-monitor.ts';

/** The version that this member speaks and tells, everywhere. */
export const serverVersion = '3.6.5';

/** etcd's limits of its Raft (server/etcdserver/raft.go). */
const maxSizePerMsg = 1024 * 1024;
const maxInflightMsgs = 512;

/** Requests whose clients wait; more are refused with "too many requests" until some are answered. */
const pendingProposalsMax = 100_000;

/** A request may take this long plus two election time-outs (etcd's ReqTimeout: the disk's and the network's share). */
const requestTimeoutBaseMs = 5_000;

/** How often a starting member looks whether its peers are connected, and for how long before it counts ticks without them. */
const peerCheckIntervalMs = 5;
const peerCheckLimitMs = 5_000;

/** Ticks kept when election ticks are fast-forwarded, so that a leader's heartbeat still finds a follower. */
const slackTicks = 2;

/** Survivors of a dead leader campaign within this time of the news, each at a moment of its own, so that votes rarely split. */
const hurrySpreadMs = 60;

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
}

export class Member implements MemberApi {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly store = new KvStore();
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly membership: Membership;
  private readonly alarmStore = new Alarms();
  private readonly config: EtcdConfig;
  private readonly ports: MemberPorts;
  private readonly logger: Logger;
  private readonly log: OpenedLog;
  private readonly driver: RaftDriver;
  private readonly applier: Applier;
  private readonly proposals: Proposals;
  private readonly barrier: ReadBarrier;
  private readonly monitor: VersionMonitor;
  private readonly requestIds: RequestIds;
  private readonly requestTimeoutMs: number;
  private transport: PeerTransport | null = null;
  private leaderSinceMs: number | null = null;
  private firstCommitTerm = 0;
  private ticker: Timer | null = null;
  private starter: Timer | null = null;
  private hurry: Timer | null = null;
  private confState: ConfState = emptyConfState;
  private schemaVersion = '';
  private stopped = false;
  private readonly leaderListeners = new Set<(leader: bigint) => void>();

  constructor(config: EtcdConfig, log: OpenedLog, ports: MemberPorts) {
    this.config = config;
    this.ports = ports;
    this.log = log;
    this.logger = ports.logger;
    this.memberId = log.memberId;
    this.clusterId = log.clusterId;
    this.maxRequestBytes = config.maxRequestBytes;
    this.maxTxnOps = config.maxTxnOps;
    this.requestTimeoutMs = requestTimeoutBaseMs + 2 * config.electionTimeoutMs;
    this.requestIds = new RequestIds(log.memberId, ports.clock.now());
    this.membership = new Membership({
      clusterId: log.clusterId,
      localId: log.memberId,
      members: [],
      removed: [],
      version: null,
      learnersMax: config.maxLearners,
    });
    const lessor = new Lessor();
    this.store.leases = lessor;
    this.applier = new Applier(
      { store: this.store, membership: this.membership, alarms: this.alarmStore, lessor },
      {
        confChange: (change) => this.confChange(change),
        completed: (id, outcome) => this.completed(id, outcome),
        membershipChanged: (change) => this.membershipChanged(change),
        membershipRefused: (change, error) => this.membershipRefused(change, error),
        memberPublished: () => {},
        clusterVersionChanged: (version, previous) => this.clusterVersionChanged(version, previous),
        unsupported: (type) =>
          this.logger.warn('skipped a committed request that this version does not support yet', { request: type }),
        scheduleCompaction: (revision) => this.compactInSteps(revision),
      },
    );
    this.proposals = new Proposals(
      {
        clock: ports.clock,
        propose: (data) => this.driver.propose(data),
        dropQueued: (isDropped) => this.driver.dropQueued(isDropped),
        timeoutError: (startedMs) => this.timeoutError(startedMs),
        failed: () => ports.metrics.proposalsFailed.inc(),
      },
      this.requestTimeoutMs,
    );
    this.barrier = new ReadBarrier(
      {
        clock: ports.clock,
        requestReadIndex: (context) => this.driver.update((node) => node.readIndex(context)),
        nextRequestId: () => this.requestIds.idOf(this.requestIds.nextKey()),
        appliedIndex: () => this.applier.appliedIndex,
        schedule: ports.schedule,
        slowRound: () => ports.metrics.slowReadIndexes.inc(),
        failedRound: () => ports.metrics.readIndexesFailed.inc(),
      },
      this.requestTimeoutMs,
    );
    this.monitor = new VersionMonitor({
      clock: ports.clock,
      isLeader: () => this.isLeader(),
      clusterVersion: () => this.membership.version(),
      serverVersions: () => this.serverVersions(),
      propose: (version) => this.proposeClusterVersion(version),
    });
    this.driver = this.createDriver();
  }

  private createDriver(): RaftDriver {
    const { config, log, ports } = this;
    const storage = new MemoryStorage();
    storage.append(log.entries);
    storage.setHardState(log.hardState);
    return new RaftDriver(
      {
        id: log.memberId,
        electionTick: this.electionTicks(),
        heartbeatTick: 1,
        storage,
        applied: 0,
        asyncStorageWrites: true,
        maxSizePerMsg,
        maxCommittedSizePerReady: 0,
        maxUncommittedEntriesSize: 0,
        maxInflightMsgs,
        maxInflightBytes: 0,
        checkQuorum: true,
        preVote: config.preVote,
        readOnlyOption: 'safe',
        logger: raftLogger(ports.logger),
        disableProposalForwarding: false,
        disableConfChangeValidation: false,
        stepDownOnRemoval: false,
        random: ports.random,
      },
      storage,
      log.hardState,
      {
        wal: log.wal,
        schedule: ports.schedule,
        soon: ports.soon,
        send: (messages) => this.transport?.send(messages),
        apply: (entries) => this.apply(entries),
        readStates: (states) => this.readStates(states),
        leaderChanged: (change) => this.leaderChanged(change),
        diskFailed: (error) => ports.failed(error),
      },
    );
  }

  /** Replays the committed log, connects to the peers and starts Raft's clock. */
  start(): void {
    const { config, ports, logger } = this;
    this.driver.runNow();
    logger.info('kvstore restored', { 'current-rev': this.store.revision });
    if (this.membership.isRemoved(this.memberId)) {
      ports.removed();
      return;
    }
    const transport = ports.connect(this);
    this.transport = transport;
    for (const member of this.membership.members()) {
      if (member.id !== this.memberId) transport.addPeer(member.id, member.peerUrls);
    }
    logger.info('starting etcd server', {
      'local-member-id': formatId(this.memberId),
      'local-server-version': serverVersion,
      'cluster-id': formatId(this.clusterId),
      'cluster-version': this.membership.version()?.replace(/\.0$/, '') ?? 'to_be_decided',
    });
    this.monitor.start();
    this.ticker = ports.clock.every(config.heartbeatIntervalMs, () => this.driver.tick());
    this.advanceElection();
  }

  /**
   * Shortens the wait for the first election. A lone voter campaigns at once. A cluster that is being founded has no leader that could
   * be disturbed, so its lowest id campaigns as soon as a quorum is connected. Otherwise, as etcd does, all but a few of the ticks
   * that a follower grants its leader are skipped once the peers are there (--initial-election-tick-advance).
   */
  private advanceElection(): void {
    const voters = this.membership.votingMembers();
    if (voters.length === 1 && voters[0]?.id === this.memberId) {
      this.driver.update((node) => node.campaign());
      return;
    }
    this.logger.info('starting initial election tick advance', { 'election-ticks': this.electionTicks() });
    const founder = !this.log.restarted && voters[0]?.id === this.memberId;
    const startedMs = this.ports.clock.monotonicMs();
    const timer = this.ports.clock.every(peerCheckIntervalMs, () => {
      const waitedMs = this.ports.clock.monotonicMs() - startedMs;
      const active = this.activePeers();
      const quorum = Math.floor(voters.length / 2) + 1;
      const connected = active + 1 >= quorum;
      if (!connected && waitedMs < peerCheckLimitMs && this.driver.leaderId === 0n) return;
      timer.cancel();
      if (this.stopped || this.driver.leaderId !== 0n || !connected) return;
      if (founder) this.driver.update((node) => node.campaign());
      else if (this.config.initialElectionTickAdvance) this.fastForward(active);
    });
    this.starter = timer;
  }

  private electionTicks(): number {
    return Math.floor(this.config.electionTimeoutMs / this.config.heartbeatIntervalMs);
  }

  private fastForward(activePeers: number): void {
    const electionTicks = this.electionTicks();
    const ticks = electionTicks - slackTicks;
    if (ticks <= 0) return;
    this.logger.info('initialized peer connections; fast-forwarding election ticks', {
      'local-member-id': formatId(this.memberId),
      'forward-ticks': ticks,
      'forward-duration': Duration.fromMs(ticks * this.config.heartbeatIntervalMs),
      'election-ticks': electionTicks,
      'election-timeout': Duration.fromMs(this.config.electionTimeoutMs),
      'active-remote-members': activePeers,
    });
    for (let tick = 0; tick < ticks; tick++) this.driver.tick();
  }

  private activePeers(): number {
    let active = 0;
    for (const { id } of this.membership.members()) {
      if (id !== this.memberId && this.transport !== null && this.transport.activeSince(id) !== null) active++;
    }
    return active;
  }

  /** Makes this member's name and client URLs known to the cluster; resolves when that is applied, or the member stops. */
  async publish(): Promise<void> {
    const { config, logger } = this;
    const clientUrls = config.advertiseClientUrls.map((url) => url.text);
    const request = clusterMemberAttrSetRequest.encode({
      memberId: this.memberId,
      memberAttributes: { name: config.name, clientUrls },
    });
    while (!this.stopped) {
      const outcome = await new Promise<Result<ApplyResponse, RpcError>>((done) =>
        this.propose(internalField.clusterMemberAttrSet, request, done),
      );
      if (outcome.ok) {
        logger.info('published local member to cluster through raft', {
          'local-member-id': formatId(this.memberId),
          'local-member-attributes': `{Name:${config.name} ClientURLs:[${clientUrls.join(' ')}]}`,
          'cluster-id': formatId(this.clusterId),
          'publish-timeout': Duration.fromMs(this.requestTimeoutMs),
        });
        return;
      }
      if (this.stopped) return;
      logger.warn('failed to publish local member to cluster through raft', {
        'local-member-id': formatId(this.memberId),
        'publish-timeout': Duration.fromMs(this.requestTimeoutMs),
        error: outcome.error.message,
      });
    }
  }

  /** Hands leadership to the voter that has been connected the longest. Resolves at the latest after an election time-out. */
  async transferLeadership(): Promise<void> {
    const { logger } = this;
    if (!this.isLeader()) {
      logger.info('skipped leadership transfer; local server is not leader', {
        'local-member-id': formatId(this.memberId),
        'current-leader-member-id': formatId(this.driver.leaderId),
      });
      return;
    }
    const transferee = this.longestConnectedVoter();
    if (transferee === null) {
      logger.info('skipped leadership transfer for single voting member cluster', {
        'local-member-id': formatId(this.memberId),
        'current-leader-member-id': formatId(this.driver.leaderId),
      });
      return;
    }
    const fields = {
      'local-member-id': formatId(this.memberId),
      'current-leader-member-id': formatId(this.memberId),
      'transferee-member-id': formatId(transferee),
    };
    logger.info('leadership transfer starting', fields);
    const startedMs = this.ports.clock.monotonicMs();
    const moved = await new Promise<boolean>((done) => {
      const timer = this.ports.clock.after(this.config.electionTimeoutMs, () => finish(false));
      const listener = (leader: bigint): void => {
        if (leader !== 0n && leader !== this.memberId) finish(true);
      };
      const finish = (result: boolean): void => {
        timer.cancel();
        this.leaderListeners.delete(listener);
        done(result);
      };
      this.leaderListeners.add(listener);
      this.driver.update((node) => node.transferLeader(transferee));
    });
    const took = Duration.fromMs(this.ports.clock.monotonicMs() - startedMs);
    if (moved) logger.info('leadership transfer finished', { ...fields, took });
    else
      logger.warn('leadership transfer failed', {
        ...fields,
        error: 'request timed out, leader transfer took too long',
      });
  }

  private longestConnectedVoter(): bigint | null {
    let best: { readonly id: bigint; readonly since: number } | null = null;
    for (const { id } of this.membership.votingMembers()) {
      const since = id === this.memberId ? null : (this.transport?.activeSince(id) ?? null);
      if (since !== null && (best === null || since < best.since)) best = { id, since };
    }
    return best?.id ?? null;
  }

  /** Stops Raft and answers everyone who waits. The transport and the WAL are their owners' to close. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.ticker?.cancel();
    this.starter?.cancel();
    this.hurry?.cancel();
    this.monitor.stop();
    this.driver.stop();
    this.proposals.stop();
    this.barrier.stop();
  }

  /** A message from a peer. */
  step(message: Message): void {
    this.driver.step(message);
  }

  /**
   * The process of a peer is gone. If it led, the lease that it holds protects nobody any more: this member drops it, so that it votes for
   * others, and campaigns itself after a moment that differs between members. Always safe, because timers only ever serve liveness; with
   * pre-vote it costs nothing if the news is wrong. Without pre-vote a campaign would disturb the others, so nothing is done.
   */
  peerProcessGone(id: bigint): void {
    if (this.stopped || !this.config.preVote || id === 0n || id !== this.driver.leaderId) return;
    this.driver.update((node) => node.forgetLeader());
    this.hurry?.cancel();
    this.hurry = this.ports.clock.after(this.ports.random.below(hurrySpreadMs), () => {
      if (!this.stopped && this.driver.leaderId === 0n) this.driver.update((node) => node.campaign());
    });
  }

  reportUnreachable(id: bigint): void {
    this.driver.update((node) => node.reportUnreachable(id));
  }

  reportSnapshot(id: bigint, success: boolean): void {
    this.driver.update((node) => node.reportSnapshot(id, success));
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
    return this.applier.appliedIndex;
  }

  pendingProposals(): number {
    return this.proposals.pending;
  }

  members(): readonly ClusterMember[] {
    return this.membership.members();
  }

  clusterVersion(): string | null {
    return this.membership.version();
  }

  storageVersion(): string {
    return this.schemaVersion;
  }

  databaseSize(): DatabaseSize {
    const { totalBytes, liveBytes } = this.store.log;
    return { total: totalBytes, inUse: liveBytes, quota: this.config.quotaBackendBytes };
  }

  hash(done: (outcome: Result<BackendHash, RpcError>) => void): void {
    const { store, membership, confState } = this;
    const hash = backendHash({ store, membership, confState, alarms: this.alarmStore.list() });
    done(ok({ hash, revision: store.revision }));
  }

  hashKv(revision: number, done: (outcome: Result<KvHash, RpcError>) => void): void {
    const job = this.store.beginHashKv(revision);
    if (!job.ok) {
      done(err(job.error === 'compacted' ? rpcErrors.compacted : rpcErrors.futureRevision));
      return;
    }
    const step = (): void => {
      if (this.stopped) {
        job.value.cancel();
        done(err(rpcErrors.stopped));
        return;
      }
      const hashed = job.value.step();
      if (hashed === null) this.ports.schedule(step);
      else done(ok({ ...hashed, currentRevision: this.store.revision }));
    };
    step();
  }

  alarms(): readonly AlarmEntry[] {
    return this.alarmStore.list();
  }

  propose(field: number, raw: Uint8Array, done: (outcome: Result<ApplyResponse, RpcError>) => void): void {
    if (this.proposals.pending >= pendingProposalsMax) {
      done(err(rpcErrors.tooManyRequests));
      return;
    }
    const key = this.requestIds.nextKey();
    const data = encodeInternalRequest(this.requestIds.idOf(key), field, raw);
    if (data.length > this.maxRequestBytes) done(err(rpcErrors.requestTooLarge));
    else this.proposals.propose(key, data, done);
  }

  linearizableRead(done: (error: RpcError | null) => void): void {
    this.barrier.wait(done);
  }

  private apply(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    for (const entry of entries) this.applier.apply(entry);
    this.barrier.applied(last.index);
    if (this.isLeader() && this.firstCommitTerm < this.driver.raftTerm && last.term === this.driver.raftTerm) {
      this.firstCommitTerm = this.driver.raftTerm;
      this.barrier.retryNow();
      this.monitor.check();
    }
  }

  private completed(requestId: bigint, outcome: Result<ApplyResponse, RpcError>): void {
    const key = this.requestIds.keyOf(requestId);
    if (key !== null) this.proposals.applied(key, outcome);
  }

  private readStates(states: readonly ReadState[]): void {
    for (const { requestContext, index } of states) this.barrier.confirmed(requestContext, index);
  }

  private leaderChanged({ term, previous, leader }: LeaderChange): void {
    const raft = this.logger.named('raft').at('raft/node.go');
    const local = formatId(this.memberId);
    if (leader === 0n) raft.info(`raft.node: ${local} lost leader ${formatId(previous)} at term ${term}`);
    else if (previous === 0n) raft.info(`raft.node: ${local} elected leader ${formatId(leader)} at term ${term}`);
    else
      raft.info(`raft.node: ${local} changed leader from ${formatId(previous)} to ${formatId(leader)} at term ${term}`);
    if (leader !== 0n) {
      this.leaderSinceMs = this.ports.clock.monotonicMs();
      this.ports.metrics.leaderChanges.inc();
      this.barrier.leaderChanged();
    }
    for (const listener of [...this.leaderListeners]) listener(leader);
  }

  private confChange(change: ConfChange): void {
    this.confState = this.driver.node.applyConfChange({ version: 1, change });
  }

  private membershipChanged(change: MembershipChange): void {
    const { member } = change;
    const ids = { 'cluster-id': formatId(this.clusterId), 'local-member-id': formatId(this.memberId) };
    switch (change.type) {
      case 'added':
        this.logger.info('added member', {
          ...ids,
          'added-peer-id': formatId(member.id),
          'added-peer-peer-urls': member.peerUrls,
          'added-peer-is-learner': member.isLearner,
        });
        if (member.id !== this.memberId) this.transport?.addPeer(member.id, member.peerUrls);
        return;
      case 'promoted':
        this.logger.info('promote member', { ...ids, 'promoted-member-id': formatId(member.id) });
        return;
      case 'updated':
        this.logger.info('updated member', {
          ...ids,
          'updated-remote-peer-id': formatId(member.id),
          'updated-remote-peer-urls': member.peerUrls,
        });
        if (member.id !== this.memberId) this.transport?.updatePeer(member.id, member.peerUrls);
        return;
      case 'removed':
        this.logger.info('removed member', { ...ids, 'removed-remote-peer-id': formatId(member.id) });
        if (member.id === this.memberId) {
          if (this.transport !== null) this.ports.removed();
        } else this.transport?.removePeer(member.id);
        return;
      default:
        unreachable(change);
    }
  }

  private membershipRefused(change: ConfChange, error: MembershipError): void {
    this.logger.warn('refused a committed configuration change', {
      'member-id': formatId(change.nodeId),
      error: membershipErrorText[error],
    });
  }

  private clusterVersionChanged(version: string, previous: string | null): void {
    const short = version.replace(/\.0$/, '');
    if (previous === null) {
      this.logger.info('set initial cluster version', {
        'cluster-id': formatId(this.clusterId),
        'local-member-id': formatId(this.memberId),
        'cluster-version': short,
      });
    } else {
      this.logger.info('updated cluster version', {
        'cluster-id': formatId(this.clusterId),
        'local-member-id': formatId(this.memberId),
        from: previous.replace(/\.0$/, ''),
        to: short,
      });
    }
    this.logger.info('enabled capabilities for version', { 'cluster-version': short });
    // The schema follows the cluster version from 3.6 on; older ones have no version of their own.
    if (version.startsWith('3.6') && this.schemaVersion === '') {
      this.schemaVersion = '3.6.0';
      this.logger.info('updated storage version', { 'new-storage-version': this.schemaVersion });
    }
  }

  private async serverVersions(): Promise<readonly (string | null)[]> {
    const others = this.membership.members().filter((member) => member.id !== this.memberId);
    return [serverVersion, ...(await this.ports.peerVersions(others))];
  }

  private proposeClusterVersion(version: string): void {
    this.logger.info(
      this.membership.version() === null
        ? 'setting up initial cluster version using v3 API'
        : 'updating cluster version using v3 API',
      { 'cluster-version': version.replace(/\.0$/, '') },
    );
    this.propose(internalField.clusterVersionSet, clusterVersionSetRequest.encode({ ver: version }), (outcome) => {
      if (outcome.ok)
        this.logger.info('cluster version is updated', { 'cluster-version': version.replace(/\.0$/, '') });
      else this.logger.warn('failed to update cluster version', { error: outcome.error.message });
    });
  }

  /** etcd tells from the leader's history and the connections why a proposal was probably lost. */
  private timeoutError(startedMs: number): RpcError {
    const electedMs = this.leaderSinceMs;
    if (electedMs !== null && startedMs > electedMs - 2 * this.config.electionTimeoutMs && startedMs < electedMs) {
      return rpcErrors.timeoutDueToLeaderFail;
    }
    const leader = this.driver.leaderId;
    if (leader === 0n) return rpcErrors.deadlineExceeded;
    const connected =
      leader === this.memberId ? this.quorumConnectedSince(startedMs) : this.connectedSince(leader, startedMs);
    return connected ? rpcErrors.timeout : rpcErrors.timeoutDueToConnectionLost;
  }

  private connectedSince(id: bigint, sinceMs: number): boolean {
    const active = this.transport?.activeSince(id) ?? null;
    return active !== null && active < sinceMs;
  }

  private quorumConnectedSince(sinceMs: number): boolean {
    const voters = this.membership.votingMembers();
    const connected = voters.filter(({ id }) => id === this.memberId || this.connectedSince(id, sinceMs)).length;
    return connected >= Math.floor(voters.length / 2) + 1;
  }

  /** Drops old revisions a step a turn, so that a large compaction never holds up the loop. */
  private compactInSteps(revision: number): Promise<void> {
    return new Promise((done) => {
      const startedMs = this.ports.clock.monotonicMs();
      const step = (): void => {
        if (!this.stopped && !this.store.compactionStep()) {
          this.ports.schedule(step);
          return;
        }
        const took = Duration.fromMs(this.ports.clock.monotonicMs() - startedMs);
        this.logger.info('finished scheduled compaction', { 'compact-revision': revision, took });
        done();
      };
      step();
    });
  }
}
