/** One node of an interaction test: its storage, its queues of local work, and an application that concatenates data. */
import { Reader } from '../../../src/proto/codec.ts';
import {
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  entryType,
  type HardState,
  type Message,
  messageType,
  type Snapshot,
} from '../../../src/proto/raftpb.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { type AnyConfChange, RawNode } from '../../../src/raft/raw-node.ts';
import { MemoryStorage, type StorageError } from '../../../src/raft/storage.ts';

/** The reference's words for errors of storage. */
export const storageErrorTexts: Readonly<Record<StorageError, string>> = {
  compacted: 'requested index is unavailable due to compaction',
  unavailable: 'requested entry at index is unavailable',
  snapshotOutOfDate: 'requested index is older than the existing snapshot',
  snapshotTemporarilyUnavailable: 'snapshot is temporarily unavailable',
};

export type NodeSettings = Omit<RaftConfig, 'id' | 'storage'>;

/** A MemoryStorage whose snapshot always holds everything that was applied. */
class AppliedStorage extends MemoryStorage {
  /** The application's state after each applied entry. */
  readonly history: Snapshot[];

  constructor(initial: Snapshot) {
    super();
    this.history = [initial];
  }

  get latest(): Snapshot {
    const latest = this.history.at(-1);
    if (latest === undefined) throw new Error('the history has a beginning');
    return latest;
  }

  override snapshot(): { ok: true; value: Snapshot } {
    return { ok: true, value: this.latest };
  }
}

export class InteractionNode {
  readonly id: bigint;
  readonly settings: NodeSettings;
  readonly storage: AppliedStorage;
  readonly raw: RawNode;
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];

  /** Starts a node from a snapshot, or from nothing if that is empty. */
  constructor(id: bigint, settings: NodeSettings, initial: Snapshot) {
    this.id = id;
    this.settings = settings;
    this.storage = new AppliedStorage(initial);
    if (!isEmpty(initial)) {
      const { index } = initial.metadata;
      if (index <= 1) throw new Error('index must be specified as > 1 due to bootstrap');
      this.store(null, [], initial);
      const first = this.storage.firstIndex();
      if (first !== index + 1) throw new Error(`failed to establish first index ${index + 1}; got ${first}`);
    }
    this.raw = new RawNode({ ...settings, id, storage: this.storage });
  }

  /** Writes to storage what a Ready or a storage message asks for. */
  store(hardState: HardState | null, entries: readonly Entry[], snapshot: Snapshot | null): void {
    if (hardState !== null) this.storage.setHardState(hardState);
    if (snapshot === null) {
      this.storage.append(entries);
      return;
    }
    if (entries.length > 0) throw new Error("can't apply snapshot and entries at the same time");
    const applied = this.storage.applySnapshot(snapshot);
    if (!applied.ok) throw new Error(storageErrorTexts[applied.error]);
  }

  /** Applies committed entries: data, and the contexts of membership changes, are appended to the application's state. */
  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { data, confState } = this.applyEntry(entry);
      const { latest } = this.storage;
      const metadata = { confState: confState ?? latest.metadata.confState, index: entry.index, term: entry.term };
      this.storage.history.push({ data: concatenated(latest.data, data), metadata });
    }
  }

  /** Puts a message for this node's storage into the queue that it belongs to. */
  queueLocal(message: Message): void {
    if (!this.settings.asyncStorageWrites) throw new Error('unexpected local msg target');
    if (message.type === messageType.storageAppend) this.appendWork.push(message);
    else if (message.type === messageType.storageApply) this.applyWork.push(message);
    else throw new Error(`unexpected message type ${message.type}`);
  }

  private applyEntry({ type, data }: Entry): { data: Uint8Array | null; confState: ConfState | null } {
    if (type === entryType.normal) return { data, confState: null };
    const reader = new Reader(data ?? new Uint8Array(0));
    const applied: AnyConfChange =
      type === entryType.confChange
        ? { version: 1, change: decodeConfChange(reader) }
        : { version: 2, change: decodeConfChangeV2(reader) };
    return { data: applied.change.context, confState: this.raw.applyConfChange(applied) };
  }
}

function isEmpty({ data, metadata }: Snapshot): boolean {
  const { voters, learners } = metadata.confState;
  return data === null && metadata.index === 0 && voters.length === 0 && learners.length === 0;
}

function concatenated(a: Uint8Array | null, b: Uint8Array | null): Uint8Array {
  return Buffer.concat([a ?? new Uint8Array(0), b ?? new Uint8Array(0)]);
}
