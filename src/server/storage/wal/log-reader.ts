/**
 * Builds the log from the WAL's records: what a member must know to go on. Checks what the checksum cannot see, for it does not
 * cover a record's type: terms that go back, entries that leave a gap, records that are not what their type says.
 */
import { ProtoError, Reader } from '../../../proto/codec.ts';
import {
  decodeEntry,
  decodeHardState,
  type Entry,
  emptyHardState,
  type HardState,
  sizeHardState,
} from '../../../proto/raftpb.ts';
import { decodeWalSnapshot, recordType, type WalSnapshot } from '../../../proto/walpb.ts';
import type { RecordView } from './frame.ts';

/** A position in the log: the entry at `index` was written in `term`. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

export class LogReader {
  metadata: Uint8Array | null = null;
  hardState: HardState = emptyHardState;
  /** The entries after the start, without those that a later leader overwrote. */
  readonly entries: Entry[] = [];
  readonly snapshots: WalSnapshot[] = [];
  /** The index of the entry that was written last, or of a later snapshot. */
  lastIndex = 0;
  /** True once the record of the snapshot at the start was seen. */
  sawStart = false;
  private readonly from: LogPosition;

  constructor(from: LogPosition) {
    this.from = from;
  }

  /** Takes in one record; returns what is wrong with it, or null. */
  readonly visit = (record: RecordView): string | null => {
    if (!record.hasData()) return 'a record without data';
    try {
      return this.take(record, new Reader(record.bytes, record.dataStart, record.dataEnd));
    } catch (error) {
      if (error instanceof ProtoError) return `a record of type ${record.type} does not decode: ${error.message}`;
      throw error;
    }
  };

  private take(record: RecordView, reader: Reader): string | null {
    switch (record.type) {
      case recordType.entry:
        return this.takeEntry(decodeEntry(reader));
      case recordType.state:
        return this.takeState(decodeHardState(reader), record.dataEnd - record.dataStart);
      case recordType.metadata:
        return this.takeMetadata(record.bytes.subarray(record.dataStart, record.dataEnd));
      case recordType.snapshot:
        return this.takeSnapshot(decodeWalSnapshot(reader));
      default:
        return `unknown record type ${record.type}`;
    }
  }

  private takeEntry(entry: Entry): string | null {
    const { entries, from } = this;
    if (entry.type > 2 || entry.term === 0 || entry.index === 0) return 'an entry record does not hold an entry';
    this.lastIndex = entry.index;
    const at = entry.index - from.index - 1;
    if (at < 0) return null;
    if (at > entries.length) {
      return `entry ${entry.index} follows ${from.index + entries.length}: entries in between are missing`;
    }
    const before = entries[at - 1];
    if (before !== undefined && before.term > entry.term) {
      return `entry ${entry.index} has term ${entry.term}, the one before it ${before.term}`;
    }
    if (at < entries.length) entries.length = at;
    entries.push(entry);
    return null;
  }

  private takeState(state: HardState, bytes: number): string | null {
    if (sizeHardState(state) !== bytes) return 'a state record does not hold a hard state';
    if (state.term < this.hardState.term) return `the term goes back from ${this.hardState.term} to ${state.term}`;
    this.hardState = state;
    return null;
  }

  private takeMetadata(metadata: Uint8Array): string | null {
    if (this.metadata !== null && Buffer.compare(this.metadata, metadata) !== 0) {
      return 'metadata differs from that of the segment before: these are two logs';
    }
    // A copy, so that it does not hold on to a whole chunk.
    this.metadata ??= Uint8Array.from(metadata);
    return null;
  }

  private takeSnapshot(snapshot: WalSnapshot): string | null {
    this.snapshots.push(snapshot);
    if (snapshot.index > this.lastIndex) this.lastIndex = snapshot.index;
    if (snapshot.index !== this.from.index) return null;
    if (snapshot.term !== this.from.term) {
      return `the snapshot at index ${snapshot.index} has term ${snapshot.term}, expected ${this.from.term}`;
    }
    this.sawStart = true;
    return null;
  }
}
