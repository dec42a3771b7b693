/** Sends a follower that is too far behind the leader's database: one POST with the MsgSnap and the file. */
import { Readable } from 'node:stream';
import { humanBytes } from '../../base/human-bytes.ts';
import { encodeMessage, type Message } from '../../proto/raftpb.ts';
import { errorText } from '../cluster/dial-error.ts';
import { formatId } from '../cluster/ids.ts';
import { memberRemovedText, type PeerContext, requestHeaders } from './context.ts';
import { snapshotAnswerTimeoutMs } from './limits.ts';
import type { PeerStatus } from './peer-status.ts';
import { readAnswer } from './pipeline.ts';
import type { UrlPicker } from './url-picker.ts';

/** A MsgSnap and the database that it speaks of. */
export interface OutgoingSnapshot {
  readonly message: Message;
  /** Size of the database in bytes. */
  readonly bytes: number;
  /** The database from its first byte; read once. */
  readonly database: AsyncIterable<Uint8Array>;
}

/** Sends one snapshot and reports its fate to Raft; `signal` gives up. Never rejects. */
export async function sendSnapshot(
  context: PeerContext,
  snapshot: OutgoingSnapshot,
  picker: UrlPicker,
  status: PeerStatus,
  signal: AbortSignal,
): Promise<void> {
  const { to } = snapshot.message;
  const fields = {
    'snapshot-index': snapshot.message.snapshot?.metadata.index ?? 0,
    'remote-peer-id': formatId(to),
    bytes: snapshot.bytes,
    size: humanBytes(snapshot.bytes),
  };
  context.logger.info('sending database snapshot', fields);
  const url = picker.pick();
  const failure = await post(context, snapshot, url, signal);
  if (signal.aborted) return;
  if (failure !== null) {
    context.logger.warn('failed to send database snapshot', { ...fields, error: failure });
    if (failure === memberRemovedText) context.raft.removedFromCluster();
    picker.unreachable(url);
    status.deactivate('post', 'sendMsgSnap', failure);
    context.lost(to);
    context.metrics.sentFailure(formatId(to));
    context.raft.reportSnapshot(to, false);
    return;
  }
  status.activate();
  context.raft.reportSnapshot(to, true);
  context.logger.info('sent database snapshot', fields);
  context.metrics.sentBytes(formatId(to), snapshot.bytes);
}

/** Null when the peer has taken the snapshot, else why not. */
function post(
  context: PeerContext,
  snapshot: OutgoingSnapshot,
  url: string,
  signal: AbortSignal,
): Promise<string | null> {
  return new Promise((resolve) => {
    const headers = { ...requestHeaders(context), 'Content-Type': 'application/octet-stream' };
    const request = context.requester.request({
      method: 'POST',
      url,
      path: '/raft/snapshot',
      headers,
      kind: 'pipeline',
      answerTimeoutMs: snapshotAnswerTimeoutMs,
    });
    const abort = (): void => {
      request.destroy(new Error('stopped'));
    };
    signal.addEventListener('abort', abort);
    const body = Readable.from(bodyOf(snapshot), { objectMode: false });
    const settle = (failure: string | null): void => {
      signal.removeEventListener('abort', abort);
      body.destroy();
      if (!request.writableFinished) request.destroy(); // refused before all was sent: the connection is of no more use
      resolve(failure);
    };
    request.on('error', (problem) => settle(errorText(problem)));
    request.once('response', (response) => {
      readAnswer(response, (text) => settle(verdict(response.statusCode, response.statusMessage, text, url)));
    });
    body.once('error', (problem) => request.destroy(problem));
    body.pipe(request);
  });
}

function verdict(status: number | undefined, statusText: string | undefined, body: string, url: string): string | null {
  if (status === 204) return null;
  if (status === 403) return memberRemovedText;
  if (status === 412) return body;
  return `unexpected http status ${statusText ?? ''} while posting to "${url}/raft/snapshot"`;
}

async function* bodyOf(snapshot: OutgoingSnapshot): AsyncGenerator<Uint8Array> {
  const message = encodeMessage(snapshot.message);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(message.length));
  yield length;
  yield message;
  yield* snapshot.database;
}
