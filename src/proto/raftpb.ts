/**
 * raftpb (proto2, gogo): the entries, messages and states of etcd-io/raft, as they stand on the wire and in the WAL.
 *
 * gogo's non-nullable fields are always written, zero or not, in the order of their numbers; nullable ones (`data`, `context`,
 * `snapshot`) only when not null. Terms and indexes are numbers below 2^53; node ids are 64-bit and therefore bigint.
 */
import { type Reader, sizeDelimited, sizeVarint, sizeVarint64, Writer, wrongWireType } from './codec.ts';

export const entryType = { normal: 0, confChange: 1, confChangeV2: 2 } as const;
export type EntryType = (typeof entryType)[keyof typeof entryType];

export interface Entry {
  readonly type: EntryType;
  readonly term: number;
  readonly index: number;
  /** Null is a leader's no-op or an absent field. The array is never mutated once it is part of an entry. */
  readonly data: Uint8Array | null;
}

export const messageType = {
  hup: 0,
  beat: 1,
  prop: 2,
  app: 3,
  appResp: 4,
  vote: 5,
  voteResp: 6,
  snap: 7,
  heartbeat: 8,
  heartbeatResp: 9,
  unreachable: 10,
  snapStatus: 11,
  checkQuorum: 12,
  transferLeader: 13,
  timeoutNow: 14,
  readIndex: 15,
  readIndexResp: 16,
  preVote: 17,
  preVoteResp: 18,
  storageAppend: 19,
  storageAppendResp: 20,
  storageApply: 21,
  storageApplyResp: 22,
  forgetLeader: 23,
} as const;
export type MessageType = (typeof messageType)[keyof typeof messageType];

export interface ConfState {
  readonly voters: readonly bigint[];
  readonly learners: readonly bigint[];
  readonly votersOutgoing: readonly bigint[];
  readonly learnersNext: readonly bigint[];
  readonly autoLeave: boolean;
}

export interface SnapshotMetadata {
  readonly confState: ConfState;
  readonly index: number;
  readonly term: number;
}

export interface Snapshot {
  readonly data: Uint8Array | null;
  readonly metadata: SnapshotMetadata;
}

export interface Message {
  readonly type: MessageType;
  readonly to: bigint;
  readonly from: bigint;
  readonly term: number;
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  /** Only local storage messages carry a vote. */
  readonly vote: bigint;
  readonly snapshot: Snapshot | null;
  readonly reject: boolean;
  readonly rejectHint: number;
  readonly context: Uint8Array | null;
  /** Only local storage messages carry responses; they never cross the network. */
  readonly responses: readonly Message[];
}

export interface HardState {
  readonly term: number;
  /** 0n: no vote in this term. */
  readonly vote: bigint;
  readonly commit: number;
}

export const confChangeType = { addNode: 0, removeNode: 1, updateNode: 2, addLearnerNode: 3 } as const;
export type ConfChangeType = (typeof confChangeType)[keyof typeof confChangeType];

export interface ConfChange {
  readonly id: bigint;
  readonly type: ConfChangeType;
  readonly nodeId: bigint;
  readonly context: Uint8Array | null;
}

export const confChangeTransition = { auto: 0, jointImplicit: 1, jointExplicit: 2 } as const;
export type ConfChangeTransition = (typeof confChangeTransition)[keyof typeof confChangeTransition];

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: bigint;
}

export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array | null;
}

export const emptyHardState: HardState = { term: 0, vote: 0n, commit: 0 };
export const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** A message of `type` from `from` to `to` with every other field empty, but for those given. */
export function newMessage(type: MessageType, from: bigint, to: bigint, rest: Partial<Message> = {}): Message {
  return {
    type,
    to,
    from,
    term: rest.term ?? 0,
    logTerm: rest.logTerm ?? 0,
    index: rest.index ?? 0,
    entries: rest.entries ?? [],
    commit: rest.commit ?? 0,
    vote: rest.vote ?? 0n,
    snapshot: rest.snapshot ?? null,
    reject: rest.reject ?? false,
    rejectHint: rest.rejectHint ?? 0,
    context: rest.context ?? null,
    responses: rest.responses ?? [],
  };
}

/** Encoded bytes of an entry, without any length prefix. Also the size that Raft's limits count. */
export function sizeEntry(entry: Entry): number {
  const fixed = 3 + sizeVarint(entry.type) + sizeVarint(entry.term) + sizeVarint(entry.index);
  return entry.data === null ? fixed : fixed + 1 + sizeDelimited(entry.data.length);
}

export function writeEntry(writer: Writer, entry: Entry): void {
  writeEntryHead(writer, entry);
  if (entry.data !== null) writer.raw(entry.data);
}

/** Everything of an entry but the bytes of its data, which follow at once: for writers that pass large data on by reference. */
export function writeEntryHead(writer: Writer, entry: Entry): void {
  writer.byte(0x08);
  writer.varint(entry.type);
  writer.byte(0x10);
  writer.varint(entry.term);
  writer.byte(0x18);
  writer.varint(entry.index);
  if (entry.data !== null) {
    writer.byte(0x22);
    writer.varint(entry.data.length);
  }
}

export function encodeEntry(entry: Entry): Buffer {
  const writer = Writer.sized(sizeEntry(entry));
  writeEntry(writer, entry);
  return writer.bytes;
}

/** Decodes an entry; its `data` is a view of the input. */
export function decodeEntry(reader: Reader): Entry {
  let type = 0;
  let term = 0;
  let index = 0;
  let data: Uint8Array | null = null;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        type = reader.varint53();
        break;
      case 0x10:
        term = reader.varint53();
        break;
      case 0x18:
        index = reader.varint53();
        break;
      case 0x22:
        data = reader.bytesView();
        break;
      default:
        refuseWrongType(tag, entryFields);
        reader.skip(tag);
    }
  }
  return { type: type as EntryType, term, index, data };
}

const entryFields = ['Type', 'Term', 'Index', 'Data'] as const;

/** Unknown fields are skipped; a known field reaching the default branch has a wrong wire type. */
function refuseWrongType(tag: number, fields: readonly string[]): void {
  const field = fields[(tag >>> 3) - 1];
  if (field !== undefined && field !== '') wrongWireType(tag, field);
}

function sizeRepeatedId(ids: readonly bigint[]): number {
  let size = 0;
  for (const id of ids) size += 1 + sizeVarint64(id);
  return size;
}

function writeRepeatedId(writer: Writer, tag: number, ids: readonly bigint[]): void {
  for (const id of ids) {
    writer.byte(tag);
    writer.varint64(id);
  }
}

export function sizeConfState(state: ConfState): number {
  return (
    sizeRepeatedId(state.voters) +
    sizeRepeatedId(state.learners) +
    sizeRepeatedId(state.votersOutgoing) +
    sizeRepeatedId(state.learnersNext) +
    2
  );
}

export function writeConfState(writer: Writer, state: ConfState): void {
  writeRepeatedId(writer, 0x08, state.voters);
  writeRepeatedId(writer, 0x10, state.learners);
  writeRepeatedId(writer, 0x18, state.votersOutgoing);
  writeRepeatedId(writer, 0x20, state.learnersNext);
  writer.byte(0x28);
  writer.bool(state.autoLeave);
}

/** Reads a repeated id, packed or not. */
function readIds(reader: Reader, tag: number, into: bigint[]): void {
  if ((tag & 7) === 0) {
    into.push(reader.uint64());
    return;
  }
  if ((tag & 7) !== 2) wrongWireType(tag, 'Voters');
  const packed = reader.message();
  while (packed.more()) into.push(packed.uint64());
}

export function decodeConfState(reader: Reader): ConfState {
  const voters: bigint[] = [];
  const learners: bigint[] = [];
  const votersOutgoing: bigint[] = [];
  const learnersNext: bigint[] = [];
  let autoLeave = false;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case 1:
        readIds(reader, tag, voters);
        break;
      case 2:
        readIds(reader, tag, learners);
        break;
      case 3:
        readIds(reader, tag, votersOutgoing);
        break;
      case 4:
        readIds(reader, tag, learnersNext);
        break;
      case 5:
        if (tag !== 0x28) wrongWireType(tag, 'AutoLeave');
        autoLeave = reader.bool();
        break;
      default:
        reader.skip(tag);
    }
  }
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}

function sizeSnapshotMetadata(metadata: SnapshotMetadata): number {
  return (
    1 + sizeDelimited(sizeConfState(metadata.confState)) + 2 + sizeVarint(metadata.index) + sizeVarint(metadata.term)
  );
}

function writeSnapshotMetadata(writer: Writer, metadata: SnapshotMetadata): void {
  writer.byte(0x0a);
  writer.varint(sizeConfState(metadata.confState));
  writeConfState(writer, metadata.confState);
  writer.byte(0x10);
  writer.varint(metadata.index);
  writer.byte(0x18);
  writer.varint(metadata.term);
}

function decodeSnapshotMetadata(reader: Reader): SnapshotMetadata {
  let confState = emptyConfState;
  let index = 0;
  let term = 0;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        confState = decodeConfState(reader.message());
        break;
      case 0x10:
        index = reader.varint53();
        break;
      case 0x18:
        term = reader.varint53();
        break;
      default:
        refuseWrongType(tag, ['ConfState', 'Index', 'Term']);
        reader.skip(tag);
    }
  }
  return { confState, index, term };
}

function sizeSnapshot(snapshot: Snapshot): number {
  const data = snapshot.data === null ? 0 : 1 + sizeDelimited(snapshot.data.length);
  return data + 1 + sizeDelimited(sizeSnapshotMetadata(snapshot.metadata));
}

function writeSnapshot(writer: Writer, snapshot: Snapshot): void {
  if (snapshot.data !== null) {
    writer.byte(0x0a);
    writer.delimited(snapshot.data);
  }
  writer.byte(0x12);
  writer.varint(sizeSnapshotMetadata(snapshot.metadata));
  writeSnapshotMetadata(writer, snapshot.metadata);
}

export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const writer = Writer.sized(sizeSnapshot(snapshot));
  writeSnapshot(writer, snapshot);
  return writer.bytes;
}

export function decodeSnapshot(reader: Reader): Snapshot {
  let data: Uint8Array | null = null;
  let metadata: SnapshotMetadata = { confState: emptyConfState, index: 0, term: 0 };
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        data = reader.bytesView();
        break;
      case 0x12:
        metadata = decodeSnapshotMetadata(reader.message());
        break;
      default:
        refuseWrongType(tag, ['Data', 'Metadata']);
        reader.skip(tag);
    }
  }
  return { data, metadata };
}

/** Encoded bytes of a message, without any length prefix. `responses` never cross the network and are not encoded. */
export function sizeMessage(message: Message): number {
  let size =
    9 +
    sizeVarint(message.type) +
    sizeVarint64(message.to) +
    sizeVarint64(message.from) +
    sizeVarint(message.term) +
    sizeVarint(message.logTerm) +
    sizeVarint(message.index) +
    sizeVarint(message.commit) +
    1 +
    sizeVarint(message.rejectHint) +
    1 +
    sizeVarint64(message.vote);
  for (const entry of message.entries) size += 1 + sizeDelimited(sizeEntry(entry));
  if (message.snapshot !== null) size += 1 + sizeDelimited(sizeSnapshot(message.snapshot));
  if (message.context !== null) size += 1 + sizeDelimited(message.context.length);
  return size;
}

export function writeMessage(writer: Writer, message: Message): void {
  writer.byte(0x08);
  writer.varint(message.type);
  writer.byte(0x10);
  writer.varint64(message.to);
  writer.byte(0x18);
  writer.varint64(message.from);
  writer.byte(0x20);
  writer.varint(message.term);
  writer.byte(0x28);
  writer.varint(message.logTerm);
  writer.byte(0x30);
  writer.varint(message.index);
  for (const entry of message.entries) {
    writer.byte(0x3a);
    writer.varint(sizeEntry(entry));
    writeEntry(writer, entry);
  }
  writer.byte(0x40);
  writer.varint(message.commit);
  if (message.snapshot !== null) {
    writer.byte(0x4a);
    writer.varint(sizeSnapshot(message.snapshot));
    writeSnapshot(writer, message.snapshot);
  }
  writer.byte(0x50);
  writer.bool(message.reject);
  writer.byte(0x58);
  writer.varint(message.rejectHint);
  if (message.context !== null) {
    writer.byte(0x62);
    writer.delimited(message.context);
  }
  writer.byte(0x68);
  writer.varint64(message.vote);
}

export function encodeMessage(message: Message): Buffer {
  const writer = Writer.sized(sizeMessage(message));
  writeMessage(writer, message);
  return writer.bytes;
}

const messageFields = [
  'Type',
  'To',
  'From',
  'Term',
  'LogTerm',
  'Index',
  'Entries',
  'Commit',
  'Snapshot',
  'Reject',
  'RejectHint',
  'Context',
  'Vote',
  'Responses',
] as const;

/** Decodes a message; entries' data, context and snapshot data are views of the input. */
export function decodeMessage(reader: Reader): Message {
  let type = 0;
  let to = 0n;
  let from = 0n;
  let term = 0;
  let logTerm = 0;
  let index = 0;
  const entries: Entry[] = [];
  let commit = 0;
  let vote = 0n;
  let snapshot: Snapshot | null = null;
  let reject = false;
  let rejectHint = 0;
  let context: Uint8Array | null = null;
  const responses: Message[] = [];
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        type = reader.varint53();
        break;
      case 0x10:
        to = reader.uint64();
        break;
      case 0x18:
        from = reader.uint64();
        break;
      case 0x20:
        term = reader.varint53();
        break;
      case 0x28:
        logTerm = reader.varint53();
        break;
      case 0x30:
        index = reader.varint53();
        break;
      case 0x3a:
        entries.push(decodeEntry(reader.message()));
        break;
      case 0x40:
        commit = reader.varint53();
        break;
      case 0x4a:
        snapshot = decodeSnapshot(reader.message());
        break;
      case 0x50:
        reject = reader.bool();
        break;
      case 0x58:
        rejectHint = reader.varint53();
        break;
      case 0x62:
        context = reader.bytesView();
        break;
      case 0x68:
        vote = reader.uint64();
        break;
      case 0x72:
        responses.push(decodeMessage(reader.message()));
        break;
      default:
        refuseWrongType(tag, messageFields);
        reader.skip(tag);
    }
  }
  return {
    type: type as MessageType,
    to,
    from,
    term,
    logTerm,
    index,
    entries,
    commit,
    vote,
    snapshot,
    reject,
    rejectHint,
    context,
    responses,
  };
}

export function sizeHardState(state: HardState): number {
  return 3 + sizeVarint(state.term) + sizeVarint64(state.vote) + sizeVarint(state.commit);
}

export function encodeHardState(state: HardState): Buffer {
  const writer = Writer.sized(sizeHardState(state));
  writer.byte(0x08);
  writer.varint(state.term);
  writer.byte(0x10);
  writer.varint64(state.vote);
  writer.byte(0x18);
  writer.varint(state.commit);
  return writer.bytes;
}

export function decodeHardState(reader: Reader): HardState {
  let term = 0;
  let vote = 0n;
  let commit = 0;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        term = reader.varint53();
        break;
      case 0x10:
        vote = reader.uint64();
        break;
      case 0x18:
        commit = reader.varint53();
        break;
      default:
        refuseWrongType(tag, ['Term', 'Vote', 'Commit']);
        reader.skip(tag);
    }
  }
  return { term, vote, commit };
}

export function encodeConfChange(change: ConfChange): Buffer {
  const context = change.context === null ? 0 : 1 + sizeDelimited(change.context.length);
  const writer = Writer.sized(
    3 + sizeVarint64(change.id) + sizeVarint(change.type) + sizeVarint64(change.nodeId) + context,
  );
  writer.byte(0x08);
  writer.varint64(change.id);
  writer.byte(0x10);
  writer.varint(change.type);
  writer.byte(0x18);
  writer.varint64(change.nodeId);
  if (change.context !== null) {
    writer.byte(0x22);
    writer.delimited(change.context);
  }
  return writer.bytes;
}

export function decodeConfChange(reader: Reader): ConfChange {
  let id = 0n;
  let type = 0;
  let nodeId = 0n;
  let context: Uint8Array | null = null;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        id = reader.uint64();
        break;
      case 0x10:
        type = reader.varint53();
        break;
      case 0x18:
        nodeId = reader.uint64();
        break;
      case 0x22:
        context = reader.bytesView();
        break;
      default:
        refuseWrongType(tag, ['ID', 'Type', 'NodeID', 'Context']);
        reader.skip(tag);
    }
  }
  return { id, type: type as ConfChangeType, nodeId, context };
}

function sizeConfChangeSingle(change: ConfChangeSingle): number {
  return 2 + sizeVarint(change.type) + sizeVarint64(change.nodeId);
}

export function encodeConfChangeV2(change: ConfChangeV2): Buffer {
  let size = 1 + sizeVarint(change.transition);
  for (const single of change.changes) size += 1 + sizeDelimited(sizeConfChangeSingle(single));
  if (change.context !== null) size += 1 + sizeDelimited(change.context.length);
  const writer = Writer.sized(size);
  writer.byte(0x08);
  writer.varint(change.transition);
  for (const single of change.changes) {
    writer.byte(0x12);
    writer.varint(sizeConfChangeSingle(single));
    writer.byte(0x08);
    writer.varint(single.type);
    writer.byte(0x10);
    writer.varint64(single.nodeId);
  }
  if (change.context !== null) {
    writer.byte(0x1a);
    writer.delimited(change.context);
  }
  return writer.bytes;
}

function decodeConfChangeSingle(reader: Reader): ConfChangeSingle {
  let type = 0;
  let nodeId = 0n;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        type = reader.varint53();
        break;
      case 0x10:
        nodeId = reader.uint64();
        break;
      default:
        refuseWrongType(tag, ['Type', 'NodeID']);
        reader.skip(tag);
    }
  }
  return { type: type as ConfChangeType, nodeId };
}

export function decodeConfChangeV2(reader: Reader): ConfChangeV2 {
  let transition = 0;
  const changes: ConfChangeSingle[] = [];
  let context: Uint8Array | null = null;
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x08:
        transition = reader.varint53();
        break;
      case 0x12:
        changes.push(decodeConfChangeSingle(reader.message()));
        break;
      case 0x1a:
        context = reader.bytesView();
        break;
      default:
        refuseWrongType(tag, ['Transition', 'Changes', 'Context']);
        reader.skip(tag);
    }
  }
  return { transition: transition as ConfChangeTransition, changes, context };
}
