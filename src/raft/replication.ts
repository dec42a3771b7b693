/** How a leader brings its log to the others: appends, snapshots, heartbeats. */
import { invariant } from '../base/assert.ts';
import { ok, type Result } from '../base/result.ts';
import { type Entry, messageType } from '../proto/raftpb.ts';
import { payloadSize } from './entry-list.ts';
import type { Raft } from './raft.ts';
import type { StorageError } from './storage.ts';
import { describeProgress, type Progress } from './tracker/progress.ts';
import { hex } from './types.ts';

/** Sends an append to everyone else whose flow is not paused, also if it can only tell the commit index. */
export function broadcastAppend(raft: Raft): void {
  for (const progress of raft.tracker.all) {
    if (progress.id !== raft.id) sendAppend(raft, progress);
  }
}

/** Sends an append to everyone else for whom there are entries. */
export function broadcastEntries(raft: Raft): void {
  for (const progress of raft.tracker.all) {
    if (progress.id !== raft.id) sendEntries(raft, progress);
  }
}

/** Sends the next entries, or none but the commit index, unless the flow is paused. */
export function sendAppend(raft: Raft, progress: Progress): void {
  sendNext(raft, progress, 0);
}

/** Sends the next entries if there are any and the flow is not paused. True when a message was sent. */
export function sendEntries(raft: Raft, progress: Progress): boolean {
  return sendNext(raft, progress, 1);
}

function sendNext(raft: Raft, progress: Progress, entriesMin: 0 | 1): boolean {
  if (progress.paused) return false;
  const previous = progress.next - 1;
  const term = raft.log.term(previous);
  if (!term.ok) return sendSnapshot(raft, progress);

  // With a full window, only an empty append may go out: it probes whether what filled the window was lost.
  const room = progress.state !== 'StateReplicate' || !progress.inflightsFull;
  const entries = room ? raft.log.entriesFrom(progress.next, raft.limits.messageBytesMax) : noEntries;
  if (!entries.ok) return entriesMin === 0 && sendSnapshot(raft, progress);
  if (entries.value.length < entriesMin) return false;

  const commit = raft.log.committed;
  raft.send(messageType.app, progress.id, {
    index: previous,
    logTerm: term.value,
    entries: entries.value,
    commit,
  });
  progress.sentEntries(entries.value.length, payloadSize(entries.value));
  progress.noteCommitSent(commit);
  return true;
}

const noEntries: Result<Entry[], StorageError> = ok([]);

/** Sends the newest snapshot, for a node whose next entry is compacted. True when it was sent. */
function sendSnapshot(raft: Raft, progress: Progress): boolean {
  const { logger, log } = raft;
  const to = hex(progress.id);
  if (!progress.recentActive) {
    if (logger.debugEnabled) logger.debug(`ignore sending snapshot to ${to} since it is not recently active`);
    return false;
  }
  const snapshot = log.snapshot();
  if (!snapshot.ok) {
    invariant(snapshot.error === 'snapshotTemporarilyUnavailable', `a snapshot cannot be ${snapshot.error}`);
    if (logger.debugEnabled)
      logger.debug(`${hex(raft.id)} failed to send snapshot to ${to} because snapshot is temporarily unavailable`);
    return false;
  }
  const { index, term } = snapshot.value.metadata;
  invariant(index > 0, 'need non-empty snapshot');
  if (logger.debugEnabled) {
    logger.debug(
      `${hex(raft.id)} [firstindex: ${log.firstIndex()}, commit: ${log.committed}] ` +
        `sent snapshot[index: ${index}, term: ${term}] to ${to} [${describeProgress(progress)}]`,
    );
  }
  progress.becomeSnapshot(index);
  if (logger.debugEnabled)
    logger.debug(`${hex(raft.id)} paused sending replication messages to ${to} [${describeProgress(progress)}]`);
  raft.send(messageType.snap, progress.id, { snapshot: snapshot.value });
  return true;
}

/** Tells everyone else that this leader is alive, and asks for acknowledgements of waiting reads. */
export function broadcastHeartbeat(raft: Raft): void {
  sendHeartbeats(raft, raft.reads.newestContext());
}

/** Heartbeats with a context that the others send back; null or empty for none. */
export function sendHeartbeats(raft: Raft, context: Uint8Array | null): void {
  for (const progress of raft.tracker.all) {
    if (progress.id === raft.id) continue;
    // A node is never told to commit what it is not known to have.
    const commit = Math.min(progress.match, raft.log.committed);
    raft.send(messageType.heartbeat, progress.id, { commit, context });
    progress.noteCommitSent(commit);
  }
}
