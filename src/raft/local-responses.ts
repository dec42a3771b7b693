/** What a node does when its own storage reports back: writes are on disk, entries are applied. */
import { type Entry, entryType, type Message, type Snapshot } from '../proto/raftpb.ts';
import { entriesSize, payloadSize } from './entry-list.ts';
import { proposeAsLeader } from './proposals.ts';
import type { Raft } from './raft.ts';
import { formatConfiguration } from './tracker/configuration.ts';
import { hex } from './types.ts';

/** Entries and a snapshot of this term are on disk. */
export function handleAppendStored(raft: Raft, response: Message): void {
  if (response.index !== 0) raft.log.unstable.stableTo({ term: response.logTerm, index: response.index });
  if (response.snapshot !== null) handleSnapshotStored(raft, response.snapshot);
}

/**
 * The write was ordered in an earlier term. Its entries may have been replaced meanwhile, even by equal-looking ones, so they
 * do not count as stored (later writes will be reported too). A snapshot holds what is committed, whatever the term.
 */
export function handleStaleAppendStored(raft: Raft, response: Message): void {
  if (response.index !== 0) {
    raft.logger.info(
      `${hex(raft.id)} [term: ${raft.term}] ignored entry appends from a MsgStorageAppendResp message with lower term [term: ${response.term}]`,
    );
  }
  if (response.snapshot !== null) handleSnapshotStored(raft, response.snapshot);
}

/** Committed entries were applied. */
export function handleApplied(raft: Raft, entries: readonly Entry[]): void {
  const last = entries[entries.length - 1];
  if (last === undefined) return;
  applied(raft, last.index, entriesSize(entries));
  raft.uncommittedBytes = Math.max(raft.uncommittedBytes - payloadSize(entries), 0);
}

function handleSnapshotStored(raft: Raft, snapshot: Snapshot): void {
  const { index } = snapshot.metadata;
  raft.log.unstable.stableSnapshotTo(index);
  applied(raft, index, 0);
}

const leaveJointConfiguration: Entry = { type: entryType.confChangeV2, term: 0, index: 0, data: null };

function applied(raft: Raft, index: number, bytes: number): void {
  const newApplied = Math.max(index, raft.log.applied);
  raft.log.appliedTo(newApplied, bytes);
  const { configuration } = raft.tracker;
  if (!configuration.autoLeave || newApplied < raft.pendingConfIndex || raft.state !== 'StateLeader') return;
  // Refused only during a transfer of leadership: then this, or the next leader, comes by here again.
  const result = proposeAsLeader(raft, [leaveJointConfiguration]);
  const text = `automatic transition out of joint configuration ${formatConfiguration(configuration)}`;
  if (result.ok) raft.logger.info(`initiating ${text}`);
  else if (raft.logger.debugEnabled) raft.logger.debug(`not initiating ${text}: ${result.error.message}`);
}
