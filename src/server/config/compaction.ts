/** --auto-compaction-mode and --auto-compaction-retention. */
import { parseDuration } from '../../base/duration.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';

export type CompactionPolicy =
  | { readonly mode: 'off' }
  /** Keep the history of this long. */
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  /** Keep this many revisions. */
  | { readonly mode: 'revision'; readonly retentionRevisions: number };

const hourMs = 3_600_000;

/** A bare number counts hours or revisions; otherwise the text is a duration (in revision mode, of that many nanoseconds, as in etcd). */
export function parseCompaction(mode: string, retention: string): Result<CompactionPolicy, string> {
  let count: number;
  if (/^\+?[0-9]+$/.test(retention)) {
    count = Number(retention);
    if (mode === 'periodic') count *= hourMs;
  } else {
    const nanoseconds = parseDuration(retention);
    if (!nanoseconds.ok) return err(`error parsing CompactionRetention: ${nanoseconds.error}`);
    count = Number(mode === 'periodic' ? nanoseconds.value / 1_000_000n : nanoseconds.value);
  }
  if (count <= 0) return ok({ mode: 'off' });
  return ok(mode === 'periodic' ? { mode, retentionMs: count } : { mode: 'revision', retentionRevisions: count });
}
