/**
 * Finds in the log of an etcd what its Raft says of terms and leaders: the quickest news there is of a real member. Every block of
 * output of an etcd comes through here, so blocks are searched as bytes, and only lines that may be Raft's are read. Pure but for Buffer.
 */
import type { Role } from './model.ts';
import { parseZapLine } from './zap.ts';

/** `starting member 8e9e05c52164694d in cluster cdf818194e3a8c32`: who a member is. Ids are unpadded hex. */
export interface IdentityLine {
  readonly member: string;
  readonly cluster: string;
}

/** A sentence of a member's Raft about itself. */
export type RaftLine =
  /** `8e9e05c52164694d became pre-candidate at term 2`. */
  | {
      readonly type: 'role';
      readonly member: string;
      readonly role: Exclude<Role, 'learner'>;
      readonly term: number;
      /** Unix time in milliseconds; null if the line does not say it well enough. */
      readonly ts: number | null;
    }
  /** `raft.node: 8e9e05c52164694d elected leader 8211f1d0f64f3269 at term 3`, or lost it: then `leader` is "0". */
  | {
      readonly type: 'leader';
      readonly member: string;
      readonly leader: string;
      readonly term: number;
      readonly ts: number | null;
    };

// Chosen for their first bytes too: what seldom begins is quick to look for (measured: 2 to 80 GB/s; " at term " 0.4).
const sentenceMarks = [Buffer.from('became '), Buffer.from('raft.node: ')];
/** Of 3.4's own format, and of zap's. */
const identityMarks = [Buffer.from('starting member '), Buffer.from('starting local member')];
const newline = 0x0a;
/** Lines of Raft are shorter. */
const lineBytesMax = 1_024;

/** What whole lines of the output of an etcd say of its Raft, in their order. */
export function raftLines(block: Buffer): RaftLine[] {
  return linesWith(sentenceMarks, block).flatMap((text) => sentenceOf(text) ?? []);
}

/** The last of these lines that says who the member is; null if none does. Slower: it is for the time until that is known. */
export function identityLine(block: Buffer): IdentityLine | null {
  return (
    linesWith(identityMarks, block)
      .flatMap((text) => identityOf(text) ?? [])
      .at(-1) ?? null
  );
}

function linesWith(marks: readonly Buffer[], block: Buffer): string[] {
  const found = new Map<number, string>();
  for (const mark of marks) {
    for (let at = block.indexOf(mark); at >= 0; ) {
      const from = block.lastIndexOf(newline, at) + 1;
      const end = block.indexOf(newline, at);
      const to = end < 0 ? block.length : end;
      if (to - from <= lineBytesMax) found.set(from, block.toString('utf8', from, to));
      at = to < block.length ? block.indexOf(mark, to) : -1;
    }
  }
  return [...found].sort(([a], [b]) => a - b).map(([, text]) => text);
}

/** Without zap, as 3.4 is by default: `2026-11-22 11:45:41.448137 I | etcdserver: TEXT`. */
const plainHead = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ I \| etcdserver: /;
/** Of Raft there: `raft2026/11/22 11:45:42 INFO: TEXT`. */
const plainRaftHead = /^raft\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d INFO: /;

function identityOf(line: string): IdentityLine | null {
  const zap = parseZapLine(line);
  if (zap !== null) {
    const { 'local-member-id': member, 'cluster-id': cluster } = zap.fields;
    const isMeant = /^(?:re)?starting local member$/.test(zap.msg) && isId(member) && isId(cluster);
    return isMeant ? { member, cluster } : null;
  }
  if (!plainHead.test(line)) return null;
  const [, member, cluster] =
    /: (?:re)?starting member ([0-9a-f]{1,16}) in cluster ([0-9a-f]{1,16})\b/.exec(line) ?? [];
  return member === undefined || cluster === undefined ? null : { member, cluster };
}

function sentenceOf(line: string): RaftLine | null {
  const zap = parseZapLine(line);
  if (zap !== null) return sentence(zap.msg, zap.ts);
  const [head] = plainRaftHead.exec(line) ?? [];
  return head === undefined ? null : sentence(line.slice(head.length), null);
}

function sentence(text: string, ts: number | null): RaftLine | null {
  const [, member, role, term] =
    /^([0-9a-f]{1,16}) became (leader|follower|candidate|pre-candidate) at term (\d{1,15})$/.exec(text) ?? [];
  if (member !== undefined && isRole(role)) return { type: 'role', member, role, term: Number(term), ts };
  const [, of, verb, one, other, at] =
    /^raft\.node: ([0-9a-f]{1,16}) (elected leader|lost leader|changed leader from) ([0-9a-f]{1,16})(?: to ([0-9a-f]{1,16}))? at term (\d{1,15})$/.exec(
      text,
    ) ?? [];
  if (of === undefined || one === undefined) return null;
  const leader = verb === 'lost leader' ? '0' : (other ?? one);
  return { type: 'leader', member: of, leader, term: Number(at), ts };
}

function isRole(text: string | undefined): text is Exclude<Role, 'learner'> {
  return text === 'leader' || text === 'follower' || text === 'candidate' || text === 'pre-candidate';
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{1,16}$/.test(value);
}
