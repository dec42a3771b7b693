/** Watches one etcd of the run: over its admin socket if it has one, else by its log and by asking it. Hands on what it says. */
import type { AdminStatus } from '../../base/admin-protocol.ts';
import type { MemberEndpoint } from '../../base/member-endpoint.ts';
import { plainEndpoint } from '../../base/member-endpoint.ts';
import type { MemberStatus } from '../../base/member-status.ts';
import type { Result } from '../../base/result.ts';
import { AdminClient } from '../admin-client.ts';
import type { ProcessSpec } from '../process.ts';
import type { Claim, LeadershipInput } from './leadership.ts';
import type { MemberRecord } from './member-facts.ts';
import { ended, restarted, unknownMember, withAdmin, withClaim, withMetrics, withPolled } from './member-facts.ts';
import { meanRtt, readMetrics } from './metrics-text.ts';
import type { Role } from './model.ts';
import type { RaftLine } from './raft-lines.ts';
import { identityLine, raftLines } from './raft-lines.ts';

/** Asks an etcd from outside. Nothing rejects; the errors say why there is no answer. */
export interface Probe {
  status(endpoint: MemberEndpoint, timeoutMs: number): Promise<Result<MemberStatus, string>>;
  /** How long a read through the leader takes, in milliseconds. */
  health(endpoint: MemberEndpoint, timeoutMs: number): Promise<Result<number, string>>;
  /** A page of its HTTP side. */
  page(endpoint: MemberEndpoint, path: string, timeoutMs: number): Promise<Result<string, string>>;
  close(): void;
}

/** How a link looks from this member. */
export interface LinkView {
  readonly up: boolean | null;
  readonly rttMs: number | null;
}

export interface MemberListener {
  onInput(input: LeadershipInput): void;
  /** Its facts are others. */
  onFacts(): void;
}

/** Of each look from outside. */
const timeoutMs = 1_000;
/** How soon a status is asked for again that may have been read in the middle of a change. */
const confirmMs = 100;
/** How long one that does not answer is left alone: this, doubled each time. */
const backOffMs = 100;
const backOffMaxMs = 2_000;
/** A time in a log is taken if it is about now; a clock of the log's own is not. */
const logLagMaxMs = 5_000;
/** Lines that wait until it is known which cluster they are about; a start has a handful. */
const pendingLinesMax = 16;

export class ObservedMember {
  readonly name: string;
  readonly #listener: MemberListener;
  #record: MemberRecord;
  /** By member id. */
  #links: ReadonlyMap<string, LinkView> = new Map();
  #endpoint: MemberEndpoint;
  #running = false;
  /** Counts instances: an answer to a question that another one was asked is worth nothing. */
  #instance = 0;
  #admin: AdminClient | null = null;
  /** How often the admin socket is to push, beside on changes. */
  #everyMs = 0;
  /** The instance has told its status over its admin socket, and is still connected. */
  #tells = false;
  #identity: { readonly member: string; readonly cluster: string } | null = null;
  /** When its log last spoke of leaders or terms, by the monotonic clock; 0: this instance's never did. */
  #heardMs = 0;
  #pending: RaftLine[] = [];
  #polling = false;
  #lastPolled: MemberStatus | null = null;
  /** Why Status was not answered the last time. */
  #statusError: string | null = null;
  #healthError: string | null = null;
  /** Questions in a row that nobody has answered. */
  #unanswered = 0;
  /** By the monotonic clock: before, one that does not answer is left alone. */
  #dueMs = 0;

  constructor(spec: ProcessSpec, listener: MemberListener) {
    this.name = spec.name;
    this.#listener = listener;
    this.#endpoint = spec.endpoint ?? plainEndpoint('');
    this.#record = unknownMember(this.#endpoint.url);
  }

  get record(): MemberRecord {
    return this.#record;
  }

  set record(record: MemberRecord) {
    this.#record = record;
  }

  get links(): ReadonlyMap<string, LinkView> {
    return this.#links;
  }

  /** It speaks of its leader by itself: it need not be asked. */
  get talks(): boolean {
    return this.#tells || this.#heardMs > 0;
  }

  /** It may be asked for its status again. */
  get due(): boolean {
    return performance.now() >= this.#dueMs;
  }

  get running(): boolean {
    return this.#running;
  }

  /** A new instance runs. */
  started({ adminSocket, endpoint }: ProcessSpec, everyMs: number): void {
    this.exited();
    this.#running = true;
    this.#instance++;
    this.#endpoint = endpoint ?? plainEndpoint('');
    this.#everyMs = everyMs;
    this.#record = restarted(this.#record, this.#endpoint.url);
    if (adminSocket === null) return;
    this.#admin = new AdminClient(adminSocket, {
      onConnected: () => void this.orderStatus(),
      onStatus: (status) => this.#told(status),
      onGone: () => {
        this.#tells = false;
      },
    });
    this.#admin.open();
  }

  /** Clients reach it so from now on. */
  reachedAt(endpoint: MemberEndpoint | null): void {
    if (endpoint === null || JSON.stringify(endpoint) === JSON.stringify(this.#endpoint)) return;
    this.#endpoint = endpoint;
    this.#dueMs = 0;
    this.#record = { ...this.#record, facts: { ...this.#record.facts, clientUrl: endpoint.url } };
  }

  exited(): void {
    this.#admin?.close();
    this.#admin = null;
    this.#tells = false;
    this.#running = false;
    this.#identity = null;
    this.#heardMs = 0;
    this.#pending = [];
    this.#lastPolled = null;
    this.#unanswered = 0;
    this.#statusError = null;
    this.#healthError = null;
    this.#dueMs = 0;
    this.#links = new Map();
    this.#record = ended(this.#record);
  }

  pushEvery(everyMs: number): void {
    if (everyMs === this.#everyMs) return;
    this.#everyMs = everyMs;
    void this.orderStatus();
  }

  /** Resolves when it has answered over its admin socket, if it has one; its answer is heard like a push. */
  async orderStatus(): Promise<void> {
    if (this.#admin?.connected === true) {
      await this.#admin.order({ op: 'status', everyMs: this.#everyMs }, timeoutMs);
    }
  }

  /** A block of whole lines of its output. */
  hear(block: Buffer): void {
    if (this.#tells || !this.#running) return; // its admin socket says the same, and in order
    const identity = this.#identity === null ? identityLine(block) : null;
    if (identity !== null) this.#identify(identity.member, identity.cluster);
    const lines = raftLines(block);
    if (lines.length === 0) return;
    this.#heardMs = performance.now();
    if (this.#identity === null) this.#pending = [...this.#pending, ...lines].slice(-pendingLinesMax);
    else for (const line of lines) this.#read(line, this.#identity.cluster);
    this.#listener.onFacts();
  }

  /** Asks for its status. */
  async poll(probe: Probe): Promise<void> {
    if (this.#polling || !this.#running || this.#tells) return;
    const instance = this.#instance;
    const sentMs = performance.now();
    this.#polling = true;
    const answer = await probe.status(this.#endpoint, timeoutMs);
    this.#polling = false;
    if (instance !== this.#instance || !this.#running || this.#tells) return;
    this.#statusError = answer.ok ? null : answer.error;
    this.#unanswered = answer.ok ? 0 : this.#unanswered + 1;
    this.#dueMs = answer.ok ? 0 : performance.now() + Math.min(backOffMaxMs, backOffMs * 2 ** this.#unanswered);
    if (answer.ok) this.#polled(answer.value, sentMs, probe);
    else {
      this.#lastPolled = null;
      this.#tellClientError();
    }
  }

  /** Looks at its health, and its version while that is not known. */
  async checkHealth(probe: Probe): Promise<void> {
    const instance = this.#instance;
    const health = await probe.health(this.#endpoint, timeoutMs);
    const wantsVersion = health.ok && this.#record.facts.version === null;
    const version = wantsVersion ? await probe.page(this.#endpoint, '/version', timeoutMs) : null;
    if (instance !== this.#instance || !this.#running) return;
    const [, text] = version?.ok === true ? (/"etcdserver"\s*:\s*"([^"]+)"/.exec(version.value) ?? []) : [];
    const { facts } = this.#record;
    const healthMs = health.ok ? Math.round(health.value * 10) / 10 : null;
    this.#record = { ...this.#record, facts: { ...facts, healthMs, version: text ?? facts.version } };
    this.#healthError = health.ok ? null : health.error;
    this.#tellClientError();
  }

  #tellClientError(): void {
    const clientError = this.#statusError ?? this.#healthError;
    this.#record = { ...this.#record, facts: { ...this.#record.facts, clientError } };
    this.#listener.onFacts();
  }

  /** What only metrics tell of an etcd without an admin socket. */
  async readMetrics(probe: Probe): Promise<void> {
    if (this.#tells || !this.#running) return;
    const instance = this.#instance;
    const page = await probe.page(this.#endpoint, '/metrics', timeoutMs);
    if (!page.ok || instance !== this.#instance || !this.#running || this.#tells) return;
    const reading = readMetrics(page.value);
    const before = this.#record.metrics;
    this.#links = new Map(
      [...reading.peers].map(([peer, now]) => {
        const rtt = meanRtt(before?.peers.get(peer) ?? null, now);
        return [peer, { up: now.active, rttMs: rtt === null ? null : rtt * 1000 }];
      }),
    );
    this.#record = withMetrics(this.#record, reading, this.#statusError !== null, Date.now());
    this.#listener.onFacts();
  }

  #told(status: AdminStatus): void {
    this.#tells = true;
    this.#statusError = null;
    this.#record = withAdmin(this.#record, status);
    this.#links = new Map(status.links.map(({ peer, active, rttMs }) => [peer, { up: active, rttMs }]));
    this.#identify(status.memberId, status.clusterId);
    const { term, leader, atMs } = status;
    this.#claim({ term, leader, role: status.isLearner ? 'learner' : status.role, atMs });
    this.#listener.onFacts();
  }

  #polled(status: MemberStatus, sentMs: number, probe: Probe): void {
    const before = this.#lastPolled;
    this.#lastPolled = status;
    this.#identify(status.memberId, status.clusterId);
    const { facts } = this.#record;
    // The log has spoken since the question was sent: it knows better.
    const isOld = sentMs < this.#heardMs && facts.term !== null && facts.leader !== null;
    const known = isOld ? { ...status, term: facts.term, leader: facts.leader } : status;
    const role = isOld ? facts.role : this.#roleIn(status);
    this.#record = withPolled(this.#record, known, role, Date.now());
    // An etcd sets its leader and its term one after the other: what it says counts when it says so twice.
    if (before?.term !== status.term || before.leader !== status.leader) {
      if (before !== null || !this.talks) setTimeout(() => void this.poll(probe), confirmMs).unref();
    } else if (!isOld) {
      const { term, leader, isLearner } = status;
      this.#claim({ term, leader, role: isLearner ? 'learner' : null, atMs: Date.now() });
    }
    this.#tellClientError();
  }

  #roleIn({ leader, memberId, isLearner, term }: MemberStatus): Role {
    const { facts } = this.#record;
    if (isLearner) return 'learner';
    if (leader === memberId) return 'leader';
    const campaigns = facts.role === 'candidate' || facts.role === 'pre-candidate';
    return leader === '0' && campaigns && facts.term === term && facts.role !== null ? facts.role : 'follower';
  }

  #identify(member: string, cluster: string): void {
    if (this.#identity?.member === member && this.#identity.cluster === cluster) return;
    this.#identity = { member, cluster };
    const { facts } = this.#record;
    this.#record = { ...this.#record, facts: { ...facts, memberId: member, clusterId: cluster } };
    this.#listener.onInput({ type: 'identity', process: this.name, cluster, member });
    const pending = this.#pending;
    this.#pending = [];
    for (const line of pending) this.#read(line, cluster);
  }

  #read(line: RaftLine, cluster: string): void {
    if (line.member !== this.#identity?.member) return;
    const nowMs = Date.now();
    const isNow = line.ts !== null && line.ts <= nowMs && line.ts > nowMs - logLagMaxMs;
    const claim: Omit<Claim, 'process' | 'member' | 'cluster'> = {
      term: line.term,
      role: line.type === 'role' ? line.role : null,
      leader: line.type === 'leader' ? line.leader : null,
      atMs: isNow && line.ts !== null ? Math.floor(line.ts) : nowMs,
    };
    this.#record = withClaim(this.#record, { ...claim, process: this.name, member: line.member, cluster });
    this.#claim(claim);
  }

  #claim(claim: Omit<Claim, 'process' | 'member' | 'cluster'>): void {
    if (this.#identity === null) return;
    this.#listener.onInput({ type: 'claim', claim: { ...claim, ...this.#identity, process: this.name } });
  }
}
