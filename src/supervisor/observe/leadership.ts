/**
 * Who leads each cluster, from what its members say: claims in, events out. Pure.
 *
 * Claims come by several ways and in any order among members, so the rules are Raft's own:
 * - A term has one leader at most (Raft §5.2): the first that is named for a term is it, and another for the same term is a slip of a
 *   status that was read while it changed.
 * - A claim of an older term changes nothing: a member that was cut off goes on believing in an old leader.
 * - A member's own term never falls while its process lives. When all members of a cluster come back with lower terms, their data is
 *   new, and so is the cluster's history.
 */
import type { Role, RunEvent } from './model.ts';

/** What a member says of itself at one moment. */
export interface Claim {
  /** The process that it is. */
  readonly process: string;
  readonly cluster: string;
  /** Its id. */
  readonly member: string;
  readonly term: number;
  /** Null: not said; it follows from the leader then. */
  readonly role: Role | null;
  /** "0": it knows of none; null: not said. */
  readonly leader: string | null;
  readonly atMs: number;
}

export type LeadershipInput =
  /** Which member a process is; it need not have said more yet. */
  | { readonly type: 'identity'; readonly process: string; readonly cluster: string; readonly member: string }
  | { readonly type: 'claim'; readonly claim: Claim }
  /** A new instance of a process: what the one before has said holds no more. */
  | { readonly type: 'started'; readonly process: string }
  | { readonly type: 'exited'; readonly process: string; readonly atMs: number }
  | {
      readonly type: 'fault-injected';
      readonly id: string;
      /** Processes that it may take the leadership from. */
      readonly targets: readonly string[];
      readonly atMs: number;
    }
  | { readonly type: 'fault-healed'; readonly id: string };

export type LeadershipEvent = Extract<RunEvent, { type: 'leader-changed' | 'leader-lost' | 'election' }>;

export interface Leadership {
  readonly clusters: ReadonlyMap<string, Cluster>;
  /** Of all clusters: faults that are not healed. */
  readonly faults: readonly Fault[];
  /** Processes that have ended and not started again. What is still heard of them is old. */
  readonly down: ReadonlySet<string>;
}

interface Fault {
  readonly id: string;
  readonly targets: readonly string[];
  readonly atMs: number;
}

interface Cluster {
  /** By id. */
  readonly members: ReadonlyMap<string, Standing>;
  /** The newest that had a leader; 0 before the first. */
  readonly term: number;
  /** Of that term, by id. */
  readonly leader: string | null;
  /** When that was first said. */
  readonly sinceMs: number;
  /** Since when nobody leads, as far as can be seen; null while somebody does. */
  readonly lostMs: number | null;
  /** The leader's process has ended since it led: it cannot lead in that term again. */
  readonly ended: boolean;
}

/** The last that a member has said. */
interface Standing {
  readonly process: string;
  readonly term: number;
  readonly role: Role;
  readonly leader: string;
  /** Its process runs and has spoken. A fresh or ended one supports nobody, and may come back with an older term. */
  readonly alive: boolean;
  /** The highest term that it was seen to campaign for. */
  readonly wanted: number;
  /** Since when it is, or was last, a candidate, and in which term. */
  readonly candidacy: { readonly term: number; readonly atMs: number } | null;
  /** The newest term in which this instance knew a leader; 0 before. */
  readonly followed: number;
  /** When it said so. */
  readonly atMs: number;
}

/** A leader that goes so much later than a fault hit it goes for another reason. Longer than any election should take. */
export const faultReachMs = 10_000;

/**
 * Who asks for votes so soon after an election may not have heard of its outcome. Longer than news take on a busy machine, and shorter
 * than it takes to miss a leader.
 */
const newsMs = 250;

const silent = {
  term: 0,
  role: 'follower',
  leader: '0',
  alive: false,
  wanted: 0,
  candidacy: null,
  followed: 0,
  atMs: 0,
} as const;

export const noLeadership: Leadership = { clusters: new Map(), faults: [], down: new Set() };

export interface LeadershipStep {
  readonly state: Leadership;
  readonly events: readonly LeadershipEvent[];
}

export function stepLeadership(state: Leadership, input: LeadershipInput): LeadershipStep {
  switch (input.type) {
    case 'identity':
      return { state: withIdentity(state, input), events: [] };
    case 'claim':
      return onClaim(state, input.claim);
    case 'started': {
      const down = new Set(state.down);
      down.delete(input.process);
      return { state: { ...withoutVoice(state, input.process), down }, events: [] };
    }
    case 'exited':
      return onExited(state, input.process, input.atMs);
    case 'fault-injected': {
      const { id, targets, atMs } = input;
      return { state: { ...state, faults: [...state.faults, { id, targets, atMs }] }, events: [] };
    }
    case 'fault-healed':
      return { state: { ...state, faults: state.faults.filter((fault) => fault.id !== input.id) }, events: [] };
  }
}

/** The name of the process that leads the cluster now; null if nobody is known to. */
export function leaderOf({ clusters }: Leadership, cluster: string): string | null {
  const known = clusters.get(cluster);
  if (known === undefined || known.leader === null || known.lostMs !== null) return null;
  return nameOf(known, known.leader);
}

const unknownCluster: Cluster = {
  members: new Map(),
  term: 0,
  leader: null,
  sinceMs: 0,
  lostMs: null,
  ended: false,
};

function withIdentity(
  state: Leadership,
  { process, cluster: id, member }: Extract<LeadershipInput, { type: 'identity' }>,
): Leadership {
  const cluster = state.clusters.get(id) ?? unknownCluster;
  if (cluster.members.get(member)?.process === process) return state;
  const standing = cluster.members.get(member) ?? { ...silent, process };
  const members = withStanding(cluster.members, member, { ...standing, process });
  return { ...state, clusters: new Map(state.clusters).set(id, { ...cluster, members }) };
}

function onClaim(state: Leadership, claim: Claim): LeadershipStep {
  const nothing = { state, events: [] };
  if (state.down.has(claim.process)) return nothing;
  const before = state.clusters.get(claim.cluster) ?? unknownCluster;
  const old = before.members.get(claim.member);
  if (old?.alive === true && old.process === claim.process && claim.term < old.term) return nothing;
  const standing = standingOf(claim, old);
  const known: Cluster = { ...before, members: withStanding(before.members, claim.member, standing) };
  const led = follow(state, known, claim, standing);
  const { cluster, lost } = lose(state, claim.cluster, led.cluster, claim.atMs);
  const campaigns = standing.wanted > (old?.wanted ?? 0) && standing.wanted > cluster.term;
  const election: LeadershipEvent[] = campaigns
    ? [{ type: 'election', atMs: claim.atMs, cluster: claim.cluster, member: claim.process, term: standing.wanted }]
    : [];
  const clusters = new Map(state.clusters).set(claim.cluster, cluster);
  return { state: { ...state, clusters }, events: [...led.events, ...lost, ...election] };
}

/** A process is one member; under another id it has begun anew. */
function withStanding(members: Cluster['members'], id: string, standing: Standing): Cluster['members'] {
  const others = [...members].filter(([, one]) => one.process !== standing.process);
  return new Map([...others, [id, standing]]);
}

interface Followed {
  readonly cluster: Cluster;
  readonly events: readonly LeadershipEvent[];
}

/** Takes over the leader that the member knows, if that is news. */
function follow(state: Leadership, known: Cluster, { cluster: id, atMs }: Claim, { term, leader }: Standing): Followed {
  if (leader === '0') return { cluster: known, events: [] };
  const cluster = isBornAgain(known) ? { ...known, term: 0, leader: null, lostMs: null, ended: false } : known;
  if (term > cluster.term) {
    const from = cluster.leader === null ? null : nameOf(cluster, cluster.leader);
    const to = nameOf(cluster, leader);
    // It has asked for votes, and got them, when the old leader was gone already, whoever has seen that.
    const candidacy = cluster.members.get(leader)?.candidacy;
    const campaignMs = candidacy?.term === term ? candidacy.atMs : null;
    const downtimeMs = from === null ? null : downtime(state, cluster.lostMs ?? campaignMs ?? atMs, from, atMs);
    const changed: LeadershipEvent = { type: 'leader-changed', atMs, cluster: id, from, to, term, downtimeMs };
    return { cluster: { ...cluster, term, leader, sinceMs: atMs, lostMs: null, ended: false }, events: [changed] };
  }
  if (!isBack(cluster)) return { cluster, events: [] };
  const name = nameOf(cluster, leader);
  const downtimeMs = downtime(state, cluster.lostMs ?? atMs, name, atMs);
  const back: LeadershipEvent = { type: 'leader-changed', atMs, cluster: id, from: name, to: name, term, downtimeMs };
  return { cluster: { ...cluster, lostMs: null }, events: [back] };
}

/** Notes that the leader leads no more, if that can be seen now. */
function lose(
  { down }: Leadership,
  id: string,
  cluster: Cluster,
  atMs: number,
): { readonly cluster: Cluster; readonly lost: readonly LeadershipEvent[] } {
  const { leader, lostMs, members, term } = cluster;
  if (leader === null) return { cluster, lost: [] };
  const process = members.get(leader)?.process;
  const ended = cluster.ended || (process !== undefined && down.has(process));
  if (lostMs !== null || !(ended || isLost(cluster))) return { cluster: { ...cluster, ended }, lost: [] };
  const event: LeadershipEvent = { type: 'leader-lost', atMs, cluster: id, from: nameOf(cluster, leader), term };
  return { cluster: { ...cluster, lostMs: atMs, ended }, lost: [event] };
}

function standingOf(claim: Claim, old: Standing | undefined): Standing {
  const { process, member, term } = claim;
  const same = old?.alive === true && old.term === term ? old : null;
  const role = claim.role ?? roleOf(claim, same);
  const leader = role === 'leader' ? member : isCampaign(role) ? '0' : (claim.leader ?? '0');
  const campaigns = role === 'candidate' ? term : role === 'pre-candidate' ? term + 1 : 0;
  // Terms that a member has lost with its data it campaigns for again.
  const wanted = old === undefined || term < old.term ? 0 : old.wanted;
  const followed = leader === '0' ? (old?.alive === true ? old.followed : 0) : term;
  const { atMs } = claim;
  const isNewCandidate = role === 'candidate' && old?.candidacy?.term !== term;
  const candidacy = isNewCandidate ? { term, atMs } : (old?.candidacy ?? null);
  return { process, term, role, leader, alive: true, wanted: Math.max(wanted, campaigns), candidacy, followed, atMs };
}

function roleOf({ leader, member }: Claim, same: Standing | null): Role {
  if (leader === member) return 'leader';
  // That it knows of no leader is no news of one that is about to become it.
  if (leader === '0' && same !== null && isCampaign(same.role)) return same.role;
  return same?.role === 'learner' ? 'learner' : 'follower';
}

function isCampaign(role: Role): boolean {
  return role === 'candidate' || role === 'pre-candidate';
}

function onExited(state: Leadership, process: string, atMs: number): LeadershipStep {
  const gone = { ...withoutVoice(state, process), down: new Set(state.down).add(process) };
  const clusters = new Map(gone.clusters);
  const events: LeadershipEvent[] = [];
  for (const [id, before] of clusters) {
    const { cluster, lost } = lose(gone, id, before, atMs);
    clusters.set(id, cluster);
    events.push(...lost);
  }
  return { state: { ...gone, clusters }, events };
}

/** What this process has said is of an instance that is over. */
function withoutVoice(state: Leadership, process: string): Leadership {
  const clusters = new Map(state.clusters);
  for (const [id, cluster] of clusters) {
    const members = [...cluster.members].map(
      ([member, one]) => [member, one.process === process ? { ...one, alive: false } : one] as const,
    );
    clusters.set(id, { ...cluster, members: new Map(members) });
  }
  return { ...state, clusters };
}

/** True if no member has ever heard of the term that is on record: all have begun with new data. */
function isBornAgain({ members, term }: Cluster): boolean {
  return [...members.values()].every((one) => one.term < term);
}

/** True if the leader says itself that it does not lead, or a majority has turned from it. */
function isLost({ members, term, leader, sinceMs }: Cluster): boolean {
  // One that has not heard of the leader yet has not turned from it.
  const misses = (one: Standing) => one.role === 'pre-candidate' && one.atMs > sinceMs + newsMs;
  const knew = (one: Standing) => one.followed === term || one.term > term || misses(one);
  const turned = (one: Standing | undefined) =>
    one?.alive === true && one.term >= term && one.leader !== leader && knew(one);
  if (leader !== null && turned(members.get(leader))) return true;
  return [...members.values()].filter(turned).length >= quorumOf(members);
}

/** True if a leader that was taken for lost leads on in its term: it says so, and a majority does. */
function isBack({ members, term, leader, lostMs, ended }: Cluster): boolean {
  if (leader === null || lostMs === null || ended) return false;
  const supports = (one: Standing | undefined) => one?.alive === true && one.term === term && one.leader === leader;
  return supports(members.get(leader)) && [...members.values()].filter(supports).length >= quorumOf(members);
}

/** Of the members that are known; learners do not count. */
function quorumOf(members: Cluster['members']): number {
  const voters = [...members.values()].filter((one) => one.role !== 'learner').length;
  return Math.floor(voters / 2) + 1;
}

/** Since the fault that ended the leadership of `from`, or since its end, at `endMs`, was seen. */
function downtime({ faults }: Leadership, endMs: number, from: string, atMs: number): number {
  const blamed = faults.filter(
    (one) => one.targets.includes(from) && one.atMs <= endMs && endMs - one.atMs <= faultReachMs,
  );
  return Math.max(0, atMs - Math.min(endMs, ...blamed.map((fault) => fault.atMs)));
}

function nameOf({ members }: Cluster, member: string): string {
  return members.get(member)?.process ?? member;
}
