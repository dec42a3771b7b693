/**
 * Saves that wait for the disk, already encoded. All that waits goes out together as one write and one sync.
 *
 * The checksum runs on from record to record and each segment restates it, so a segment's end is decided when a save is encoded,
 * not when it is written: the queue is a run of pieces, each for one segment.
 */
import { type Entry, emptyHardState, type HardState } from '../../../proto/raftpb.ts';
import type { WalSnapshot } from '../../../proto/walpb.ts';
import { WalEncoder } from './encoder.ts';
import { newSegment, type Segment } from './layout.ts';

export type SaveCallback = (error: Error | null) => void;

/** Bytes that go to one segment. */
export interface Piece {
  /** The segment that these bytes begin, or null if they continue the current one. */
  readonly opens: Segment | null;
  readonly start: number;
  end: number;
  /** True if these bytes fill their segment. */
  closes: boolean;
  mustSync: boolean;
  readonly callbacks: SaveCallback[];
}

/** What the pieces' offsets refer to. */
export interface Batch {
  readonly bytes: Buffer;
  readonly pieces: readonly Piece[];
}

/** Where a log that is continued stands. */
export interface QueueStart {
  readonly segment: Segment;
  readonly offset: number;
  readonly crc: number;
  readonly lastIndex: number;
  readonly hardState: HardState;
}

export class SaveQueue {
  private readonly segmentBytes: number;
  private readonly metadata: Uint8Array;
  private readonly encoder: WalEncoder;
  private pieces: Piece[] = [];
  private segment: Segment;
  /** Where in `segment` the next record begins. */
  private offset: number;
  private lastIndex: number;
  private hardState: HardState;

  constructor(segmentBytes: number, metadata: Uint8Array, start: QueueStart) {
    this.segmentBytes = segmentBytes;
    this.metadata = metadata;
    this.encoder = new WalEncoder(start.crc);
    this.segment = start.segment;
    this.offset = start.offset;
    this.lastIndex = start.lastIndex;
    this.hardState = start.hardState;
  }

  get pendingBytes(): number {
    return this.encoder.length;
  }

  isEmpty(): boolean {
    return this.pieces.length === 0;
  }

  addHead(): void {
    const piece = this.tail();
    const { encoder } = this;
    encoder.appendCrc();
    encoder.appendMetadata(this.metadata);
    if (!isEmpty(this.hardState)) encoder.appendState(this.hardState);
    this.extend(piece, true);
  }

  addSave(hardState: HardState | null, entries: readonly Entry[], mustSync: boolean, done: SaveCallback): void {
    const piece = this.tail();
    const { encoder } = this;
    for (const entry of entries) encoder.appendEntry(entry);
    const last = entries.at(-1);
    if (last !== undefined) this.lastIndex = last.index;
    if (hardState !== null && !isEmpty(hardState)) {
      encoder.appendState(hardState);
      this.hardState = hardState;
    }
    this.extend(piece, mustSync);
    piece.callbacks.push(done);
    if (this.offset >= this.segmentBytes && encoder.length > piece.start) this.cut(piece);
  }

  addSnapshot(snapshot: WalSnapshot, done: SaveCallback): void {
    const piece = this.tail();
    this.encoder.appendSnapshot(snapshot);
    if (snapshot.index > this.lastIndex) this.lastIndex = snapshot.index;
    this.extend(piece, true);
    piece.callbacks.push(done);
  }

  /** Everything that waits. Call `written` when its bytes are no longer needed; only then `take` again. */
  take(): Batch {
    const { pieces } = this;
    this.pieces = [];
    return { bytes: this.encoder.take(), pieces };
  }

  written(): void {
    this.encoder.recycle();
  }

  private cut(piece: Piece): void {
    piece.closes = true;
    piece.mustSync = true;
    this.segment = newSegment(this.segment.sequence + 1, this.lastIndex + 1);
    this.offset = 0;
    this.push(this.segment);
    this.addHead();
  }

  /** The piece that the next record belongs to. */
  private tail(): Piece {
    return this.pieces.at(-1) ?? this.push(null);
  }

  private push(opens: Segment | null): Piece {
    const start = this.encoder.length;
    const piece: Piece = { opens, start, end: start, closes: false, mustSync: false, callbacks: [] };
    this.pieces.push(piece);
    return piece;
  }

  private extend(piece: Piece, mustSync: boolean): void {
    this.offset += this.encoder.length - piece.end;
    piece.end = this.encoder.length;
    piece.mustSync ||= mustSync;
  }
}

function isEmpty(state: HardState): boolean {
  return state.term === emptyHardState.term && state.vote === emptyHardState.vote && state.commit === 0;
}
