/** Maintenance.Snapshot: the database in pieces, and then the SHA-256 of it all. */
import { createHash } from 'node:crypto';
import { snapshotRequest, snapshotResponse } from '../../../proto/etcdserverpb-maintenance.ts';
import type { MemberApi } from '../../member/api.ts';
import { statusCode } from '../status.ts';
import type { StreamCall, StreamHandler } from '../stream-call.ts';
import type { Admission } from './admission.ts';
import { decodeError } from './unary.ts';

/** Bytes of the database in one message; etcd's figure. */
const blobBytes = 32 * 1024;

/** Told of each snapshot, with its bytes and its version. */
export interface SnapshotEvents {
  sendingSnapshot(bytes: number, version: string): void;
  sentSnapshot(bytes: number, version: string): void;
}

export function snapshotStream(member: MemberApi, admission: Admission, events: SnapshotEvents): StreamHandler {
  return (call) => {
    let began = false;
    call.onMessage((message) => {
      try {
        snapshotRequest.decode(message);
      } catch (error) {
        call.fail(decodeError(error));
        return;
      }
      const refusal = admission.refuse('stream', call, false);
      if (refusal !== null) call.fail(refusal);
      else if (!began) {
        began = true;
        void send(member, call, events);
      }
    });
  };
}

async function send(member: MemberApi, call: StreamCall, events: SnapshotEvents): Promise<void> {
  const cancelled = new Promise<void>((done) => call.onCancel(done));
  let isCancelled = false;
  void cancelled.then(() => {
    isCancelled = true;
  });
  try {
    const version = member.notedStorageVersion();
    const snapshot = await member.snapshot();
    events.sendingSnapshot(snapshot.bytes, version);
    try {
      const hash = createHash('sha256');
      let left = snapshot.bytes;
      for await (const chunk of snapshot.chunks()) {
        for (let from = 0; from < chunk.length; from += blobBytes) {
          if (isCancelled) return;
          const blob = chunk.subarray(from, from + blobBytes);
          hash.update(blob);
          left -= blob.length;
          const isTaken = call.write(snapshotResponse.encode({ header: null, remainingBytes: left, blob, version }));
          if (!isTaken) await Promise.race([drained(call), cancelled]);
        }
      }
      call.write(snapshotResponse.encode({ header: null, remainingBytes: 0, blob: hash.digest(), version }));
      call.end();
      events.sentSnapshot(snapshot.bytes, version);
    } finally {
      snapshot.release();
    }
  } catch (error) {
    call.fail({ code: statusCode.unknown, message: error instanceof Error ? error.message : String(error) });
  }
}

function drained(call: StreamCall): Promise<void> {
  return new Promise((done) => call.onDrain(done));
}
