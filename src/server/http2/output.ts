/**
 * The sending side of a connection: everything written during a turn of the event loop leaves as one write to the socket.
 *
 * Hot path: small frames are put together in chunks that come from a pool and return to it as soon as the kernel has taken
 * the bytes; large pieces of messages are passed to the socket as they are.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { frameHeaderBytes, writeFrameHeader } from './frame.ts';

/** Also the longest piece that `reserve` can give. */
const outputChunkBytes = 16_384;

/** Chunks kept for reuse by all connections of a process's client port. */
const pooledChunksMax = 256;

/** Bytes that may wait in the socket before the connection stops feeding it, and stops reading requests. */
const socketBacklogBytesMax = 1 << 20;

/** A turn's output beyond this is written at once instead of at the end of the turn. */
const turnBytesMax = 1 << 18;

/** How long a frame may wait for others to leave with it. */
const lingerMs = 1;

/** Pieces up to this size are copied into the chunk: cheaper than one more element in a vectored write. */
const copyBytesMax = 4096;

/** Flushes the connections that have written during this turn, in one callback after the turn's reads. Also the chunks' pool. */
export class OutputScheduler {
  private dirty: Output[] = [];
  private lingering: Output[] = [];
  private readonly chunks: Buffer[] = [];
  private readonly endLinger = (): void => {
    const outputs = this.lingering;
    this.lingering = [];
    for (const output of outputs) output.endLinger();
  };
  private readonly run = (): void => {
    const outputs = this.dirty;
    this.dirty = [];
    for (const output of outputs) output.endTurn();
  };

  schedule(output: Output): void {
    if (this.dirty.length === 0) setImmediate(this.run);
    this.dirty.push(output);
  }

  /** Flushes the output within about `lingerMs`, unless it has been flushed with something else by then. */
  linger(output: Output): void {
    if (this.lingering.length === 0) setTimeout(this.endLinger, lingerMs);
    this.lingering.push(output);
  }

  takeChunk(): Buffer {
    return this.chunks.pop() ?? Buffer.allocUnsafeSlow(outputChunkBytes);
  }

  returnChunk(chunk: Buffer): void {
    if (this.chunks.length < pooledChunksMax) this.chunks.push(chunk);
  }
}

/** The connection that an output belongs to. */
export interface OutputOwner {
  /** Right before the turn's write; may write more. */
  endTurn(): void;
  /** The socket's backlog is full: see `Output.stalled`. */
  handleStall(): void;
}

export class Output {
  /** The chunk that `reserve` has made room in; write at `pos` and move it. */
  bytes: Buffer = noChunk;
  pos = 0;
  /** The socket's backlog is full; nothing but control frames should be written. The owner clears it on the socket's 'drain'. */
  stalled = false;
  private readonly duplex: Duplex;
  private readonly scheduler: OutputScheduler;
  private readonly owner: OutputOwner;
  /** Once a socket says that nothing waits, the kernel has the bytes; another duplex may still refer to them. */
  private readonly reusesChunks: boolean;
  /** Pieces before the unsent part of the chunk, in order. */
  private pieces: Uint8Array[] = [];
  private pieceBytes = 0;
  /** Where in the chunk its unsent part begins. */
  private start = 0;
  private scheduled = false;
  private lingers = false;

  constructor(duplex: Duplex, scheduler: OutputScheduler, owner: OutputOwner) {
    this.duplex = duplex;
    this.scheduler = scheduler;
    this.owner = owner;
    this.reusesChunks = duplex instanceof Socket;
  }

  /** Bytes written in this turn. */
  get turnBytes(): number {
    return this.pieceBytes + this.pos - this.start;
  }

  /** True when a write now would leave the socket with its backlog full. */
  get full(): boolean {
    return this.duplex.writableLength + this.turnBytes >= socketBacklogBytesMax;
  }

  /** Makes room for `count` bytes at `pos` in `bytes`, and sees to their being sent. count <= outputChunkBytes. */
  reserve(count: number): void {
    if (!this.scheduled) {
      this.scheduled = true;
      this.scheduler.schedule(this);
    }
    this.makeRoom(count);
  }

  /** Like `reserve`, for a frame that is in no hurry: it leaves with the next one, or alone a moment later. */
  reserveInNoHurry(count: number): void {
    if (!this.scheduled && !this.lingers) {
      this.lingers = true;
      this.scheduler.linger(this);
    }
    this.makeRoom(count);
  }

  private makeRoom(count: number): void {
    if (this.pos + count <= this.bytes.length) return;
    if (this.turnBytes >= turnBytesMax) this.flush();
    if (this.pos + count <= this.bytes.length) return;
    this.closePiece();
    this.bytes = this.scheduler.takeChunk();
    this.pos = 0;
    this.start = 0;
  }

  /** A frame header, within reserved room. */
  frameHeader(length: number, type: number, flags: number, streamId: number): void {
    writeFrameHeader(this.bytes, this.pos, length, type, flags, streamId);
    this.pos += frameHeaderBytes;
  }

  /** Bytes, within reserved room. */
  copy(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.pos);
    this.pos += bytes.length;
  }

  /** A 32-bit word, within reserved room. */
  word(value: number): void {
    this.bytes.writeUInt32BE(value >>> 0, this.pos);
    this.pos += 4;
  }

  /** Bytes of any length; the caller must not change them any more. */
  piece(bytes: Uint8Array): void {
    if (bytes.length <= copyBytesMax) {
      this.reserve(bytes.length);
      this.copy(bytes);
      return;
    }
    this.reserve(0);
    this.closePiece();
    this.pieces.push(bytes);
    this.pieceBytes += bytes.length;
  }

  /** Called by the scheduler after the turn. */
  endTurn(): void {
    this.owner.endTurn();
    this.scheduled = false;
    this.flush();
  }

  /** Called by the scheduler when a frame that was in no hurry has waited long enough. */
  endLinger(): void {
    this.lingers = false;
    if (!this.scheduled) this.endTurn();
  }

  /** Hands all bytes to the duplex. */
  flush(): void {
    const { duplex, pieces } = this;
    if (duplex.destroyed || duplex.writableEnded) {
      this.drop();
      return;
    }
    if (pieces.length === 0) {
      if (this.pos === this.start) return;
      duplex.write(this.bytes.subarray(this.start, this.pos));
      this.start = this.pos;
    } else {
      this.closePiece();
      this.pieces = [];
      this.pieceBytes = 0;
      duplex.cork();
      for (const piece of pieces) duplex.write(piece);
      duplex.uncork();
    }
    if (duplex.writableLength >= socketBacklogBytesMax && !this.stalled) {
      this.stalled = true;
      this.owner.handleStall();
    }
    // A chunk that could not be written at once belongs to the socket until the garbage collector takes it.
    if (this.reusesChunks && duplex.writableLength === 0 && this.bytes !== noChunk) {
      this.scheduler.returnChunk(this.bytes);
      this.forgetChunk();
    } else if (duplex.writableLength > 0) this.forgetChunk();
  }

  private closePiece(): void {
    if (this.pos === this.start) return;
    this.pieces.push(this.bytes.subarray(this.start, this.pos));
    this.pieceBytes += this.pos - this.start;
    this.start = this.pos;
  }

  private forgetChunk(): void {
    this.bytes = noChunk;
    this.pos = 0;
    this.start = 0;
  }

  private drop(): void {
    this.pieces = [];
    this.pieceBytes = 0;
    this.forgetChunk();
  }
}

const noChunk = Buffer.alloc(0);
