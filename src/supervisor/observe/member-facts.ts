/** Keeps what is known of one member up to date, from whatever tells of it. Pure. */
import type { AdminStatus } from '../../base/admin-protocol.ts';
import type { MemberStatus } from '../../base/member-status.ts';
import type { Claim } from './leadership.ts';
import type { MetricsReading } from './metrics-text.ts';
import { quantile } from './metrics-text.ts';
import type { MemberFacts } from './model.ts';

/** Facts, and what the next ones are measured against. */
export interface MemberRecord {
  readonly facts: MemberFacts;
  /** The committed index at a moment, to count commits from. */
  readonly base: { readonly index: number; readonly atMs: number } | null;
  readonly metrics: MetricsReading | null;
}

export const lagSamplesMax = 60;
/** Commits are counted over at least so long; pushes on changes come closer together. */
const rateSpanMinMs = 400;

export function unknownMember(clientUrl: string): MemberRecord {
  const facts: MemberFacts = {
    memberId: null,
    clusterId: null,
    version: null,
    role: null,
    term: null,
    leader: null,
    raftIndex: null,
    appliedIndex: null,
    lag: [],
    commitsPerSecond: null,
    dbBytes: null,
    dbInUseBytes: null,
    syncP99Ms: null,
    clientUrl,
    healthMs: null,
    clientError: null,
    source: 'poll',
    updatedMs: 0,
  };
  return { facts, base: null, metrics: null };
}

/** Another instance: who it is and what is on its disk stays, what it did is over. */
export function restarted({ facts }: MemberRecord, clientUrl: string): MemberRecord {
  const { memberId, clusterId, term, raftIndex, appliedIndex, dbBytes, dbInUseBytes, lag } = facts;
  const kept = { memberId, clusterId, term, raftIndex, appliedIndex, dbBytes, dbInUseBytes, lag };
  const fresh = unknownMember(clientUrl);
  return { ...fresh, facts: { ...fresh.facts, ...kept, updatedMs: facts.updatedMs } };
}

/** Its process has ended. */
export function ended(record: MemberRecord): MemberRecord {
  const over = { role: null, leader: null, commitsPerSecond: null, syncP99Ms: null, healthMs: null, clientError: null };
  return { ...record, facts: { ...record.facts, ...over }, base: null };
}

export function withAdmin(record: MemberRecord, status: AdminStatus): MemberRecord {
  const counted = count(record, status.committed, status.atMs);
  const { memberId, clusterId, term, leader, dbBytes, dbInUseBytes, syncP99Ms, atMs } = status;
  const facts: MemberFacts = {
    ...counted.facts,
    ...{ memberId, clusterId, term, leader, dbBytes, dbInUseBytes, syncP99Ms },
    role: status.isLearner ? 'learner' : status.role,
    raftIndex: status.committed,
    appliedIndex: status.applied,
    source: 'admin',
    updatedMs: atMs,
  };
  return { ...counted, facts };
}

/** Status does not tell campaigns: `role` is what else is known. */
export function withPolled(
  record: MemberRecord,
  status: MemberStatus,
  role: MemberFacts['role'],
  atMs: number,
): MemberRecord {
  const counted = count(record, status.raftIndex, atMs);
  const { isLearner, dbInUseBytes, ...rest } = status;
  const inUse = { dbInUseBytes: dbInUseBytes === 0 ? null : dbInUseBytes };
  // One that is not the member of a cluster any more says no version.
  const version = rest.version === '' ? counted.facts.version : rest.version;
  return { ...counted, facts: { ...counted.facts, ...rest, ...inUse, version, role, source: 'poll', updatedMs: atMs } };
}

/** What a line of its log says of it. */
export function withClaim(record: MemberRecord, { member, cluster, term, role, leader, atMs }: Claim): MemberRecord {
  const { facts } = record;
  const isLeader = role === 'leader' || leader === member;
  const knownLeader = isLeader ? member : (leader ?? (facts.term === term ? facts.leader : '0'));
  const knownRole = isLeader
    ? 'leader'
    : (role ?? (leader !== '0' && facts.role !== 'learner' ? 'follower' : facts.role));
  const said = { memberId: member, clusterId: cluster, term, role: knownRole, leader: knownLeader };
  return { ...record, facts: { ...facts, ...said, updatedMs: atMs } };
}

/** Where Status is refused, metrics tell the rest too: all but the term and who leads. */
export function withMetrics(record: MemberRecord, reading: MetricsReading, alone: boolean, atMs: number): MemberRecord {
  const p99 = quantile(0.99, record.metrics?.syncs ?? null, reading.syncs);
  const syncP99Ms = p99 === null ? record.facts.syncP99Ms : p99 * 1000;
  const known = { ...record, metrics: reading, facts: { ...record.facts, syncP99Ms } };
  if (!alone) return known;
  const counted = reading.committed === null ? known : count(known, reading.committed, atMs);
  const { role, dbBytes, dbInUseBytes, memberId } = reading;
  const version = reading.version ?? counted.facts.version;
  const indexes = { raftIndex: reading.committed, appliedIndex: reading.applied };
  const facts = { ...counted.facts, version, role, dbBytes, dbInUseBytes, ...indexes, memberId, updatedMs: atMs };
  return { ...counted, facts };
}

/** A sample of how far it is behind the highest index of its cluster. */
export function withLag(record: MemberRecord, highest: number): MemberRecord {
  const { raftIndex, lag } = record.facts;
  if (raftIndex === null) return record;
  const sample = Math.max(0, highest - raftIndex);
  if (lag.length === lagSamplesMax && lag.every((one) => one === sample)) return record;
  const samples = [...lag.slice(1 - lagSamplesMax), sample];
  return { ...record, facts: { ...record.facts, lag: samples } };
}

function count(record: MemberRecord, index: number, atMs: number): MemberRecord {
  const { base, facts } = record;
  if (base === null || index < base.index) return { ...record, base: { index, atMs } };
  const spanMs = atMs - base.atMs;
  if (spanMs < rateSpanMinMs) return record;
  const commitsPerSecond = ((index - base.index) * 1000) / spanMs;
  return { ...record, base: { index, atMs }, facts: { ...facts, commitsPerSecond } };
}
