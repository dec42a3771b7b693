/** Read requests that wait for a quorum to confirm that the leader still leads (ReadIndex, thesis 6.4). */
import type { Message } from '../proto/raftpb.ts';
import { pendingReadsMax } from './config.ts';

/** A request and the commit index at its arrival, which the reader has to reach. */
export interface PendingRead {
  readonly request: Message;
  readonly index: number;
}

interface Waiting extends PendingRead {
  /** Who answered the heartbeat that carried this request's context. Never false. */
  readonly acks: Map<bigint, boolean>;
}

const noAcks: ReadonlyMap<bigint, boolean> = new Map();

/** First in, first out: whoever confirms a request also confirms those before it. Holds at most `pendingReadsMax`. */
export class ReadIndexQueue {
  /** By context, in order of arrival. */
  private readonly waiting = new Map<string, Waiting>();
  private newest: Uint8Array | null = null;

  /** Queues a request; a repeated context is the same request. False when the queue is full. */
  add(request: Message, index: number): boolean {
    const context = contextOf(request);
    const key = keyOf(context);
    if (this.waiting.has(key)) return true;
    if (this.waiting.size >= pendingReadsMax) return false;
    this.waiting.set(key, { request, index, acks: new Map() });
    this.newest = context;
    return true;
  }

  /** Notes that `from` answered a heartbeat with this context, and returns everyone who did. */
  acknowledge(from: bigint, context: Uint8Array): ReadonlyMap<bigint, boolean> {
    const waiting = this.waiting.get(keyOf(context));
    if (waiting === undefined) return noAcks;
    waiting.acks.set(from, true);
    return waiting.acks;
  }

  /** Takes out the request with this context, and all before it, in order. None if it is not there. */
  takeThrough(context: Uint8Array): readonly PendingRead[] {
    const last = keyOf(context);
    if (!this.waiting.has(last)) return [];
    const taken: PendingRead[] = [];
    for (const [key, read] of this.waiting) {
      taken.push(read);
      this.waiting.delete(key);
      if (key === last) break;
    }
    if (this.waiting.size === 0) this.newest = null;
    return taken;
  }

  /** The context of the newest request, which confirms all of them; null if there is none. */
  newestContext(): Uint8Array | null {
    return this.newest;
  }

  clear(): void {
    this.waiting.clear();
    this.newest = null;
  }
}

const noContext = new Uint8Array(0);

/** The bytes that tell a read request from others. */
export function contextOf(request: Message): Uint8Array {
  return request.entries[0]?.data ?? noContext;
}

function keyOf(context: Uint8Array): string {
  return Buffer.from(context.buffer, context.byteOffset, context.length).toString('latin1');
}
