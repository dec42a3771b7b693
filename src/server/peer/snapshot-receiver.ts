/** Receives a leader's database: the MsgSnap in front of it is decoded here, where the rest goes is the storage's business. */
import type { Readable } from 'node:stream';
import { Reader } from '../../proto/codec.ts';
import { decodeMessage, type Message } from '../../proto/raftpb.ts';
import { ByteQueue } from './byte-queue.ts';
import { snapshotMessageBytesMax } from './limits.ts';
import { detached } from './stream-codec.ts';

export interface SnapshotReceiver {
  /**
   * Stores the database that belongs to `message` (a MsgSnap) under its index; durable when the promise resolves. Only then Raft
   * sees the message. Rejects when it cannot be stored; the text goes to the sender.
   */
  save(message: Message, database: AsyncIterable<Uint8Array>): Promise<void>;
}

/** For a member that cannot store snapshots: the sender gets a clear refusal and tries again later. */
export const noSnapshotReceiver: SnapshotReceiver = {
  save: () =>
    Promise.reject(new SnapshotRefused(500, 'failed to save KV snapshot (this member cannot store snapshots)')),
};

/** Why a snapshot is not taken, with the HTTP status of the answer. */
export class SnapshotRefused extends Error {
  override readonly name = 'SnapshotRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The message at the front of a snapshot's body and the rest of the body. Rejects with SnapshotRefused if there is none. */
export async function readSnapshotMessage(
  body: Readable,
): Promise<{ readonly message: Message; readonly bytes: number; readonly database: AsyncIterable<Uint8Array> }> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const queue = new ByteQueue();
  const fill = async (bytes: number): Promise<void> => {
    while (queue.length < bytes) {
      const next = await chunks.next();
      if (next.done === true) throw new SnapshotRefused(400, 'failed to decode raft message (unexpected EOF)');
      queue.push(next.value);
    }
  };
  await fill(8);
  const length = queue.takeLength();
  if (length > snapshotMessageBytesMax) {
    throw new SnapshotRefused(400, 'failed to decode raft message (error limit exceeded)');
  }
  await fill(length);
  const message = decodeSnapshotMessage(queue.take(length));
  return { message, bytes: length, database: rest(queue, chunks) };
}

function decodeSnapshotMessage(bytes: Buffer): Message {
  try {
    return detached(decodeMessage(new Reader(Buffer.from(bytes))));
  } catch (problem) {
    if (!(problem instanceof Error) || problem.name !== 'ProtoError') throw problem;
    throw new SnapshotRefused(400, `failed to decode raft message (${problem.message})`);
  }
}

async function* rest(queue: ByteQueue, chunks: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  if (queue.length > 0) yield queue.take(queue.length);
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return;
    yield next.value;
  }
}
