/** What a node asks of its driver, gathered since the last time. */
import { type Entry, type HardState, type Message, messageType, newMessage, type Snapshot } from '../proto/raftpb.ts';
import type { Raft } from './raft.ts';
import { localAppendThread, localApplyThread, type ReadState, type SoftState } from './types.ts';

/**
 * A batch of work. Without asynchronous storage writes the driver stores `snapshot`, `entries` and `hardState`, in one
 * durable write if `mustSync`, sends `messages`, applies `committedEntries`, and then calls `advance`. A leader may send its
 * messages while the write is under way, a follower must not: its answers promise what is being written.
 *
 * With asynchronous storage writes everything to store or apply is also in `messages`, addressed to the local targets, and
 * each of those carries the `responses` to deliver when it is done. `advance` is not called.
 */
export interface Ready {
  /** Null when nothing changed. */
  readonly softState: SoftState | null;
  /** Null when nothing changed. */
  readonly hardState: HardState | null;
  /** Reads that may proceed once their index is applied. */
  readonly readStates: readonly ReadState[];
  /** To be appended to stable storage, replacing what stands at their indexes and after. */
  readonly entries: readonly Entry[];
  /** To replace all of stable storage, before any entries. */
  readonly snapshot: Snapshot | null;
  /** To be applied to the application's state, in order. */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Entries or a vote: the write must be durable before anything depends on it. A snapshot always is, whatever this says. */
  readonly mustSync: boolean;
}

/** What the driver knew before, to tell what changed. */
export interface Known {
  readonly softState: SoftState;
  readonly hardState: HardState;
}

/** Gathers a Ready without side effects on the node. */
export function gatherReady(raft: Raft, known: Known): Ready {
  const { log } = raft;
  const asynchronous = raft.config.asyncStorageWrites;
  const { term, vote } = known.hardState;
  const hardState = hardStateChanged(raft, known.hardState) ? raft.hardState() : null;
  const entries = log.unstable.nextEntries();
  const snapshot = log.unstable.nextSnapshot();
  const committedEntries = log.nextCommitted(!asynchronous);
  return {
    softState: softStateChange(raft, known.softState),
    hardState,
    readStates: raft.readStates,
    entries,
    snapshot,
    committedEntries,
    messages: asynchronous
      ? withLocalMessages(raft, { hardState, entries, snapshot, committedEntries })
      : withHeldBackMessages(raft),
    mustSync: entries.length > 0 || raft.vote !== vote || raft.term !== term,
  };
}

/** True when `gatherReady` would return anything. */
export function isReady(raft: Raft, known: Known): boolean {
  const { log } = raft;
  return (
    raft.messages.length > 0 ||
    raft.messagesAfterAppend.length > 0 ||
    raft.readStates.length > 0 ||
    log.unstable.hasNext ||
    log.unstable.nextSnapshot() !== null ||
    log.hasNextCommitted(!raft.config.asyncStorageWrites) ||
    softStateChange(raft, known.softState) !== null ||
    hardStateChanged(raft, known.hardState)
  );
}

/** Messages for this node itself that tell it, after the write of `ready`, that it is done. */
export function responsesAfterWrite(raft: Raft, ready: Pick<Ready, 'snapshot' | 'committedEntries'>): Message[] {
  const responses: Message[] = [];
  for (const message of raft.messagesAfterAppend) if (message.to === raft.id) responses.push(message);
  const stored = appendResponse(raft, ready.snapshot);
  if (stored !== null) responses.push(stored);
  if (ready.committedEntries.length > 0) responses.push(applyResponse(raft, ready.committedEntries));
  return responses;
}

function softStateChange(raft: Raft, known: SoftState): SoftState | null {
  if (raft.lead === known.lead && raft.state === known.raftState) return null;
  return { lead: raft.lead, raftState: raft.state };
}

function hardStateChanged(raft: Raft, known: HardState): boolean {
  return raft.log.committed !== known.commit || raft.term !== known.term || raft.vote !== known.vote;
}

/** Synchronous writes: the driver sends after writing, so what was held back may go along. */
function withHeldBackMessages(raft: Raft): readonly Message[] {
  const { messages, messagesAfterAppend } = raft;
  if (messagesAfterAppend.length === 0) return messages;
  const all = messages.slice();
  for (const message of messagesAfterAppend) if (message.to !== raft.id) all.push(message);
  return all;
}

type Writes = Pick<Ready, 'hardState' | 'entries' | 'snapshot' | 'committedEntries'>;

function withLocalMessages(raft: Raft, writes: Writes): readonly Message[] {
  const { messages, messagesAfterAppend } = raft;
  const local: Message[] = [];
  const { entries, hardState, snapshot, committedEntries } = writes;
  if (entries.length > 0 || hardState !== null || snapshot !== null || messagesAfterAppend.length > 0) {
    const stored = appendResponse(raft, snapshot);
    const responses = stored === null ? messagesAfterAppend : [...messagesAfterAppend, stored];
    const state = hardState ?? {};
    local.push(
      newMessage(messageType.storageAppend, raft.id, localAppendThread, { ...state, entries, snapshot, responses }),
    );
  }
  if (committedEntries.length > 0) {
    const responses = [applyResponse(raft, committedEntries)];
    const rest = { entries: committedEntries, responses };
    local.push(newMessage(messageType.storageApply, raft.id, localApplyThread, rest));
  }
  return local.length === 0 ? messages : messages.concat(local);
}

/**
 * Reports everything written so far, this batch and those still under way before it: writes are done in order. The term lets
 * the node see that a report is outdated. Null when there is nothing unstable to report on.
 */
function appendResponse(raft: Raft, snapshot: Snapshot | null): Message | null {
  const { log } = raft;
  const unstable = log.unstable.length > 0;
  if (!unstable && snapshot === null) return null;
  const last = unstable ? log.lastId() : { term: 0, index: 0 };
  const rest = { term: raft.term, index: last.index, logTerm: last.term, snapshot };
  return newMessage(messageType.storageAppendResp, localAppendThread, raft.id, rest);
}

function applyResponse(raft: Raft, entries: readonly Entry[]): Message {
  return newMessage(messageType.storageApplyResp, localApplyThread, raft.id, { entries });
}
