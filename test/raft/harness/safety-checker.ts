/** Watches a cluster and throws as soon as something happened that Raft rules out (Raft, figure 3). */
import { type Entry, sizeEntry } from '../../../src/proto/raftpb.ts';
import type { ClusterNode } from './cluster-node.ts';

interface Committed {
  readonly entry: Entry;
  /** The smallest term in which a node was known to know: the entry was committed in this term or before. */
  readonly byTerm: number;
}

export class SafetyChecker {
  /** The largest index that any node knew to be committed. */
  committedMax = 1;
  private readonly leaders = new Map<number, bigint>();
  private readonly committed = new Map<number, Committed>();

  /** How many elections were won. */
  get elections(): number {
    return this.leaders.size;
  }

  /** Election safety: one leader a term. Leader completeness: it has everything that was committed before its term. */
  observe(node: ClusterNode): void {
    const { term, raftState, commit } = node.raw.basicStatus();
    this.committedMax = Math.max(this.committedMax, commit);
    if (raftState !== 'StateLeader') return;
    const leader = this.leaders.get(term);
    if (leader === node.id) return;
    if (leader !== undefined) throw new Error(`term ${term} has two leaders, ${leader} and ${node.id}`);
    this.leaders.set(term, node.id);
    this.checkComplete(node, term);
  }

  /** State machine safety: no two nodes apply different entries at an index, and none leaves one out. */
  applied(node: ClusterNode, entry: Entry, previous: number): void {
    if (entry.index !== previous + 1) throw new Error(`node ${node.id} applies ${entry.index} after ${previous}`);
    const known = this.committed.get(entry.index);
    if (known !== undefined && !sameEntry(known.entry, entry))
      throw new Error(`node ${node.id} applies another entry at ${entry.index}`);
    const { term } = node.raw.basicStatus();
    this.committed.set(entry.index, { entry, byTerm: Math.min(known?.byTerm ?? term, term) });
  }

  /** Reads are linearizable: they see at least what was committed when they began. */
  readAnswered(node: ClusterNode, index: number, least: number): void {
    if (index < least) throw new Error(`node ${node.id} reads at ${index}, though ${least} was committed before`);
  }

  /** Log matching: where two logs have an entry of the same term and index, they are the same up to there. */
  checkLogs(nodes: readonly ClusterNode[]): void {
    for (const a of nodes) for (const b of nodes) if (a.id < b.id) checkMatching(a, b);
  }

  private checkComplete(node: ClusterNode, term: number): void {
    const first = node.storage.firstIndex();
    const last = node.storage.lastIndex();
    for (const [index, { entry, byTerm }] of this.committed) {
      if (byTerm >= term || index < first) continue;
      const own = index > last ? null : node.storage.term(index);
      if (own === null || !own.ok || own.value !== entry.term)
        throw new Error(`leader ${node.id} of term ${term} lacks ${index}, which was committed by term ${byTerm}`);
    }
  }
}

function checkMatching(a: ClusterNode, b: ClusterNode): void {
  const from = Math.max(a.storage.firstIndex(), b.storage.firstIndex());
  const to = Math.min(a.storage.lastIndex(), b.storage.lastIndex()) + 1;
  if (from >= to) return;
  const left = a.storage.entries(from, to, Number.POSITIVE_INFINITY);
  const right = b.storage.entries(from, to, Number.POSITIVE_INFINITY);
  if (!left.ok || !right.ok) throw new Error('entries between first and last index are there');
  let matched = false;
  for (let position = to - from - 1; position >= 0; position--) {
    const one = left.value[position];
    const other = right.value[position];
    if (one === undefined || other === undefined) throw new Error('entries between first and last index are there');
    matched ||= one.term === other.term;
    if (matched && !sameEntry(one, other)) throw new Error(`the logs of ${a.id} and ${b.id} differ at ${one.index}`);
  }
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.type !== b.type || a.term !== b.term || a.index !== b.index || sizeEntry(a) !== sizeEntry(b)) return false;
  return a.data === null || b.data === null ? a.data === b.data : Buffer.compare(a.data, b.data) === 0;
}
