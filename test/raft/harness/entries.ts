/** Entries for tests. */
import { type Entry, entryType } from '../../../src/proto/raftpb.ts';
import type { RaftLogger } from '../../../src/raft/types.ts';

/** An entry whose data tells its term, index and an optional text. */
export function entry(index: number, term: number, text = ''): Entry {
  return { type: entryType.normal, term, index, data: Buffer.from(`${term}/${index}${text}`) };
}

/** Entries [from, to) of one term. */
export function entries(from: number, to: number, term: number): Entry[] {
  return Array.from({ length: Math.max(to - from, 0) }, (_, position) => entry(from + position, term));
}

/** A logger that keeps lines of level info and above. */
export function recordingLogger(): RaftLogger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (text: string): void => {
    lines.push(text);
  };
  return { debugEnabled: false, debug() {}, info: keep, warning: keep, error: keep, lines };
}
