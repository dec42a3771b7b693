/**
 * When this member campaigns without waiting for its timer: at start, and when a leader's process dies. Raft's timers only ever serve
 * liveness, so all of this is about speed.
 */
import { Duration } from '../../base/duration.ts';
import type { Clock, Random, Timer } from '../../base/ports.ts';
import { formatId } from '../cluster/ids.ts';
import type { Membership } from '../cluster/membership.ts';
import type { EtcdConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { type Connections, quorumOf } from './connections.ts';
import type { RaftDriver } from './driver.ts';

/** How often a starting member looks whether its peers are connected, and for how long before it counts ticks without them. */
const peerCheckIntervalMs = 5;
const peerCheckLimitMs = 5_000;
/**
 * How long a founder that has a quorum waits for the others too: a leader that cannot ask all members for their versions gives the cluster
 * the lowest there is, for some seconds. Less than what the others wait before they campaign themselves.
 */
const foundingPatienceMs = 150;

/** Ticks kept when election ticks are fast-forwarded, so that a leader's heartbeat still finds a follower. */
const slackTicks = 2;

/** Survivors of a dead leader campaign within this time of the news, each at a moment of its own, so that votes rarely split. */
const hurrySpreadMs = 60;
/** How often they try: votes may split, and on a busy machine others hear the news late and refuse. Each try waits up to twice as long. */
const hurryTriesMax = 4;

export interface ElectionPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly driver: RaftDriver;
  readonly membership: Membership;
  readonly connections: Connections;
}

export type ElectionConfig = Pick<
  EtcdConfig,
  'electionTimeoutMs' | 'heartbeatIntervalMs' | 'initialElectionTickAdvance' | 'preVote'
>;

/** Ticks of one heartbeat interval that a follower grants its leader. */
export function electionTicks(config: Pick<ElectionConfig, 'electionTimeoutMs' | 'heartbeatIntervalMs'>): number {
  return Math.floor(config.electionTimeoutMs / config.heartbeatIntervalMs);
}

export class Elections {
  private readonly localId: bigint;
  private readonly config: ElectionConfig;
  private readonly ports: ElectionPorts;
  private starter: Timer | null = null;
  private hurry: Timer | null = null;
  private hadLeader = false;
  private readonly leaderListeners = new Set<(leader: bigint) => void>();

  constructor(localId: bigint, config: ElectionConfig, ports: ElectionPorts) {
    this.localId = localId;
    this.config = config;
    this.ports = ports;
  }

  stop(): void {
    this.starter?.cancel();
    this.hurry?.cancel();
  }

  /** A leader was elected, changed or lost (0n). */
  leaderChanged(leader: bigint): void {
    if (leader !== 0n) this.hadLeader = true;
    for (const listener of [...this.leaderListeners]) listener(leader);
  }

  /**
   * Shortens the wait for the first election. A lone voter campaigns at once. A cluster that is being founded has no leader that could
   * be disturbed, so its lowest id campaigns as soon as all are connected, or a quorum for a moment. Otherwise, as etcd does, all but a
   * few of the ticks that a follower grants its leader are skipped once the peers are there (--initial-election-tick-advance).
   */
  start(restarted: boolean): void {
    const { clock, driver, logger, membership, connections } = this.ports;
    const voters = membership.votingMembers();
    if (voters.length === 1 && voters[0]?.id === this.localId) {
      driver.update((node) => node.campaign());
      return;
    }
    logger.info('starting initial election tick advance', { 'election-ticks': electionTicks(this.config) });
    const founder = !restarted && voters[0]?.id === this.localId;
    const startedMs = clock.monotonicMs();
    let quorumMs = Number.POSITIVE_INFINITY;
    const timer = clock.every(peerCheckIntervalMs, () => {
      const nowMs = clock.monotonicMs();
      const active = connections.activePeers();
      const hasQuorum = active + 1 >= quorumOf(voters.length);
      quorumMs = hasQuorum ? Math.min(quorumMs, nowMs) : Number.POSITIVE_INFINITY;
      const patient = founder && active + 1 < voters.length && nowMs - quorumMs < foundingPatienceMs;
      const connected = hasQuorum && !patient;
      const late = nowMs - startedMs >= peerCheckLimitMs;
      if (!connected && !late && driver.leaderId === 0n) return;
      timer.cancel();
      if (driver.leaderId !== 0n || !connected) return;
      if (founder) driver.update((node) => node.campaign());
      else if (this.config.initialElectionTickAdvance) this.fastForward(active);
    });
    this.starter = timer;
  }

  private fastForward(activePeers: number): void {
    const total = electionTicks(this.config);
    const ticks = total - slackTicks;
    if (ticks <= 0) return;
    this.ports.logger.info('initialized peer connections; fast-forwarding election ticks', {
      'local-member-id': formatId(this.localId),
      'forward-ticks': ticks,
      'forward-duration': Duration.fromMs(ticks * this.config.heartbeatIntervalMs),
      'election-ticks': total,
      'election-timeout': Duration.fromMs(this.config.electionTimeoutMs),
      'active-remote-members': activePeers,
    });
    for (let tick = 0; tick < ticks; tick++) this.ports.driver.tick();
  }

  /**
   * The process of a peer is gone. If it led, the lease that it holds protects nobody any more: this member drops it, so that it votes for
   * others, and campaigns itself after a moment that differs between members. Always safe; with pre-vote it costs nothing if the news is
   * wrong. Without pre-vote a campaign would disturb the others, so nothing is done.
   */
  peerProcessGone(id: bigint): void {
    const { driver } = this.ports;
    if (!this.config.preVote || id === 0n || id !== driver.leaderId) return;
    driver.update((node) => node.forgetLeader());
    this.campaignSoon(1);
  }

  /**
   * Votes can be asked of one more peer. A member that has lost its leader, as the only one of a cluster does when a second is added,
   * need not wait for its timer then. Without pre-vote a campaign might disturb a leader that this member does not hear, so nothing is done.
   */
  peerConnected(): void {
    const { connections, driver, membership } = this.ports;
    if (!this.config.preVote || !this.hadLeader || driver.leaderId !== 0n) return;
    const voters = membership.votingMembers();
    if (voters.every(({ id }) => id !== this.localId)) return;
    if (connections.activePeers() + 1 >= quorumOf(voters.length)) this.campaignSoon(1);
  }

  /**
   * A try that finds no votes costs nothing: pre-votes raise no term. Who has voted since the last one passes a try over: whoever it was for,
   * itself or another, may lead already, and would be overthrown before it is heard of. After the last, Raft's own timer goes on.
   */
  private campaignSoon(attempt: number): void {
    const { clock, driver, random } = this.ports;
    const term = driver.raftTerm;
    this.hurry?.cancel();
    const waitMs = random.below(hurrySpreadMs) + (attempt === 1 ? 0 : hurrySpreadMs * 2 ** (attempt - 2));
    this.hurry = clock.after(waitMs, () => {
      if (driver.leaderId !== 0n) return;
      driver.update((node) => {
        const { term: now, vote } = node.basicStatus();
        const hasVoted = now > term && vote !== 0n;
        if (!hasVoted) node.campaign();
      });
      if (attempt < hurryTriesMax) this.campaignSoon(attempt + 1);
    });
  }

  /** The listener is told of each leader that is elected, this member among them; gives how to stop that. */
  onLeader(listener: (leader: bigint) => void): () => void {
    const elected = (leader: bigint): void => {
      if (leader !== 0n) listener(leader);
    };
    this.leaderListeners.add(elected);
    return () => this.leaderListeners.delete(elected);
  }
}
