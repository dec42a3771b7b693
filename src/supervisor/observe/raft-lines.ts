/**
 * Finds in the log of an etcd what its Raft says of terms and leaders: the quickest news there is of a real member. Every block of
 * output of an etcd comes through here, so blocks are searched as bytes, and only lines that may be Raft's are read. Pure but for Buffer.
 */
import type { Role } from './model.ts';
import { parseZapLine } from './zap.ts';

/** A sentence of a member about itself. Ids are unpadded hex. */
export type RaftLine =
  /** `starting member 8e9e05c52164694d in cluster cdf818194e3a8c32`: who it is. */
  | { readonly type: 'identity'; readonly member: string; readonly cluster: string; readonly ts: number | null }
  /** `8e9e05c52164694d became pre-candidate at term 2`. */
  | {
      readonly type: 'role';
      readonly member: string;
      readonly role: Exclude<Role, 'learner'>;
      readonly term: number;
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

/** In every line of Raft that says who leads, and in few others. */
const termMark = Buffer.from(' at term ');
/** In the lines that say which member of which cluster this is, of 3.4's own format and of zap's. */
const identityMarks = [Buffer.from('starting member '), Buffer.from('starting local member')];
const newline = 0x0a;
/** Lines of Raft are shorter. */
const lineBytesMax = 1_024;

/** What whole lines of the output of an etcd say, in their order. */
export function raftLines(block: Buffer): RaftLine[] {
  const found: RaftLine[] = [];
  for (const mark of identityMarks) {
    for (const text of linesWith(mark, block)) {
      const line = identityOf(text);
      if (line !== null) found.push(line);
    }
  }
  for (const text of linesWith(termMark, block)) {
    const line = sentenceOf(text);
    if (line !== null) found.push(line);
  }
  return found;
}

function* linesWith(mark: Buffer, block: Buffer): Generator<string> {
  for (let at = block.indexOf(mark); at >= 0; ) {
    const from = block.lastIndexOf(newline, at) + 1;
    const end = block.indexOf(newline, at);
    const to = end < 0 ? block.length : end;
    if (to - from <= lineBytesMax) yield block.toString('utf8', from, to);
    at = to < block.length ? block.indexOf(mark, to) : -1;
  }
}

/** Without zap, as 3.4 is by default: `2026-11-22 11:45:41.448137 I | etcdserver: TEXT`. */
const plainHead = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ I \| etcdserver: /;
/** Of Raft there: `raft2026/11/22 11:45:42 INFO: TEXT`. */
const plainRaftHead = /^raft\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d INFO: /;

function identityOf(line: string): RaftLine | null {
  const zap = parseZapLine(line);
  if (zap !== null) {
    const { 'local-member-id': member, 'cluster-id': cluster } = zap.fields;
    const isMeant = /^(?:re)?starting local member$/.test(zap.msg) && isId(member) && isId(cluster);
    return isMeant ? { type: 'identity', member, cluster, ts: zap.ts } : null;
  }
  if (!plainHead.test(line)) return null;
  const [, member, cluster] =
    /: (?:re)?starting member ([0-9a-f]{1,16}) in cluster ([0-9a-f]{1,16})\b/.exec(line) ?? [];
  return member === undefined || cluster === undefined ? null : { type: 'identity', member, cluster, ts: null };
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
