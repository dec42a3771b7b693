/** How a leader takes proposals into its log. */
import { ok, type Result } from '../base/result.ts';
import { ProtoError, Reader } from '../proto/codec.ts';
import {
  type ConfChangeV2,
  confChangeTransition,
  confChangeType,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  entryType,
  messageType,
} from '../proto/raftpb.ts';
import { asConfChangeV2 } from './confchange.ts';
import { formatConfChange, formatConfChangeV2 } from './describe.ts';
import { payloadSize } from './entry-list.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend } from './replication.ts';
import { formatConfiguration, isJoint } from './tracker/configuration.ts';
import { accepted, hex, malformedMessage, none, proposalDropped, type RaftError } from './types.ts';

/** Appends proposals and sends them to the others, or refuses all of them. */
export function proposeAsLeader(raft: Raft, proposals: readonly Entry[]): Result<void, RaftError> {
  // A leader that removed itself goes on leading until it is told to stop, but takes nothing new.
  if (raft.tracker.get(raft.id) === undefined) return refused;
  if (raft.leadTransferee !== none) {
    if (raft.logger.debugEnabled)
      raft.logger.debug(
        `${hex(raft.id)} [term ${raft.term}] transfer leadership to ${hex(raft.leadTransferee)} is in progress; dropping proposal`,
      );
    return refused;
  }
  if (!proposals.every(isWellFormed)) return { ok: false, error: malformedMessage };
  if (!appendAsLeader(raft, checkConfChanges(raft, proposals))) return refused;
  broadcastAppend(raft);
  return accepted;
}

/**
 * Appends entries of this term behind the log. False, with nothing changed, when they would exceed the limit on uncommitted
 * data. Without data they are always taken: a leader's first entry, and the leaving of a joint configuration.
 */
export function appendAsLeader(raft: Raft, proposals: readonly Entry[]): boolean {
  const bytes = payloadSize(proposals);
  const total = raft.uncommittedBytes + bytes;
  if (raft.uncommittedBytes > 0 && bytes > 0 && total > raft.limits.uncommittedBytesMax) {
    raft.logger.warning(
      `${hex(raft.id)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
    );
    return false;
  }
  raft.uncommittedBytes = total;
  const { term } = raft;
  let index = raft.log.lastIndex();
  const entries: Entry[] = [];
  for (const { type, data } of proposals) entries.push({ type, term, index: ++index, data });
  raft.log.append(entries);
  // The leader's own acknowledgement: it arrives when the entries are on this node's disk, like anyone else's.
  raft.send(messageType.appResp, raft.id, { index });
  return true;
}

const refused: Result<void, RaftError> = { ok: false, error: proposalDropped };
const emptyProposal: Entry = { type: entryType.normal, term: 0, index: 0, data: null };

/** Replaces membership changes that must not be appended now by empty entries, so that their proposers see them go by. */
function checkConfChanges(raft: Raft, proposals: readonly Entry[]): readonly Entry[] {
  if (proposals.every((entry) => entry.type === entryType.normal)) return proposals;
  const last = raft.log.lastIndex();
  return proposals.map((entry, position) => {
    if (entry.type === entryType.normal) return entry;
    const change = decodeChange(entry);
    const objection = change.ok ? objectionTo(raft, change.value) : null;
    if (objection !== null && !raft.config.disableConfChangeValidation) {
      raft.logger.info(
        `${hex(raft.id)} ignoring conf change ${describeChange(entry)} at config ` +
          `${formatConfiguration(raft.tracker.configuration)}: ${objection}`,
      );
      return emptyProposal;
    }
    raft.pendingConfIndex = last + position + 1;
    return entry;
  });
}

/** Why a change cannot be made now, or null. */
function objectionTo(raft: Raft, change: ConfChangeV2): string | null {
  if (raft.pendingConfIndex > raft.log.applied)
    return `possible unapplied conf change at index ${raft.pendingConfIndex} (applied to ${raft.log.applied})`;
  const joint = isJoint(raft.tracker.configuration);
  const wantsToLeave = change.changes.length === 0;
  if (joint && !wantsToLeave) return 'must transition out of joint config first';
  if (!joint && wantsToLeave) return 'not in joint state; refusing empty conf change';
  return null;
}

const noBytes = new Uint8Array(0);

function decodeChange(entry: Entry): Result<ConfChangeV2, RaftError> {
  const reader = new Reader(entry.data ?? noBytes);
  try {
    if (entry.type === entryType.confChange) return ok(asConfChangeV2(decodeConfChange(reader)));
    return ok(decodeConfChangeV2(reader));
  } catch (error) {
    if (error instanceof ProtoError) return { ok: false, error: malformedMessage };
    throw error;
  }
}

/** False for a membership change that nobody could apply: once committed, it would stop every node. */
function isWellFormed(entry: Entry): boolean {
  if (entry.type === entryType.normal) return true;
  if (entry.type !== entryType.confChange && entry.type !== entryType.confChangeV2) return false;
  const change = decodeChange(entry);
  return change.ok && change.value.transition in transitions && change.value.changes.every(({ type }) => type in types);
}

const transitions: Readonly<Record<number, true>> = {
  [confChangeTransition.auto]: true,
  [confChangeTransition.jointImplicit]: true,
  [confChangeTransition.jointExplicit]: true,
};
const types: Readonly<Record<number, true>> = {
  [confChangeType.addNode]: true,
  [confChangeType.removeNode]: true,
  [confChangeType.updateNode]: true,
  [confChangeType.addLearnerNode]: true,
};

function describeChange(entry: Entry): string {
  const reader = new Reader(entry.data ?? noBytes);
  return entry.type === entryType.confChange
    ? formatConfChange(decodeConfChange(reader))
    : formatConfChangeV2(decodeConfChangeV2(reader));
}
