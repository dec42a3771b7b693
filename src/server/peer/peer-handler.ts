/**
 * The peer port: what other members ask of this one over HTTP/1.1 (rafthttp/http.go, etcdhttp/peer.go). Checks come in etcd's
 * order, because their answers tell a peer what is wrong: method, version, cluster id, then the route's own.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Reader } from '../../proto/codec.ts';
import { decodeMessage, type Message, messageType } from '../../proto/raftpb.ts';
import { formatId, parseId } from '../cluster/ids.ts';
import type { PeerContext } from './context.ts';
import { allowMethod, answer, answerError, answerNotFound, headerOf } from './http-answers.ts';
import { frameBytesMax } from './limits.ts';
import type { Peer } from './peer.ts';
import { probeAnswer } from './prober.ts';
import { readSnapshotMessage, type SnapshotReceiver, SnapshotRefused } from './snapshot-receiver.ts';
import { detached, type StreamType } from './stream-codec.ts';
import { unsaidVersion, versionConflict } from './versions.ts';

export interface PeerHandlerOptions {
  readonly context: PeerContext;
  peer(id: bigint): Peer | null;
  /** Remembers a sender that is no peer, so that it can be answered. */
  addRemote(id: bigint, urls: readonly string[]): void;
  readonly snapshots: SnapshotReceiver;
  versionJson(): string;
  membersJson(): string;
  /** Serves every other path. */
  readonly fallback: RequestListener;
}

const streamTypes: ReadonlyMap<string, StreamType> = new Map([
  ['/raft/stream/message', 'message'],
  ['/raft/stream/msgapp', 'msgapp'],
]);

export function newPeerHandler(options: PeerHandlerOptions): RequestListener {
  const { context } = options;
  return (request, response) => {
    const path = (request.url ?? '').replace(/[?#].*$/, '');
    if (path === '/raft') return servePipeline(options, request, response);
    if (path.startsWith('/raft/stream/')) return serveStream(options, path, request, response);
    if (path === '/raft/snapshot') return serveSnapshot(options, request, response);
    if (path === '/raft/probing') {
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      return answer(response, 200, probeAnswer(context.clock.now()));
    }
    if (path.startsWith('/raft/')) return answerNotFound(response);
    if (path === '/members') return serveMembers(options, request, response);
    if (path === '/version') {
      if (!allowMethod(request, response, 'GET')) return;
      response.setHeader('Content-Type', 'application/json');
      return answer(response, 200, options.versionJson());
    }
    options.fallback(request, response);
  };
}

function serveMembers(options: PeerHandlerOptions, request: IncomingMessage, response: ServerResponse): void {
  if (!allowMethod(request, response, 'GET')) return;
  response.setHeader('X-Etcd-Cluster-Id', formatId(options.context.clusterId));
  response.setHeader('Content-Type', 'application/json');
  answer(response, 200, options.membersJson());
}

function servePipeline(options: PeerHandlerOptions, request: IncomingMessage, response: ServerResponse): void {
  const { context } = options;
  if (!allowMethod(request, response, 'POST')) return;
  response.setHeader('X-Etcd-Cluster-Id', formatId(context.clusterId));
  if (!isCompatible(context, request, response)) return;
  addRemoteOf(options, request);
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= frameBytesMax) chunks.push(chunk);
  });
  request.once('error', () => {
    context.metrics.receivedFailure(request.socket.remoteAddress ?? '');
  });
  request.once('end', () => {
    const message = length > frameBytesMax ? null : decoded(context, Buffer.concat(chunks));
    if (message === null) {
      context.metrics.receivedFailure(request.socket.remoteAddress ?? '');
      const part = length > frameBytesMax ? 'reading' : 'unmarshalling';
      answerError(response, 400, `error ${part} raft message`);
      return;
    }
    context.metrics.receivedBytes(formatId(message.from), length);
    if (context.receive(detached(message)) === 'accepted') {
      response.statusCode = 204;
      response.end();
      return;
    }
    response.setHeader('Connection', 'close');
    answerError(response, 500, 'error processing raft message');
  });
}

function decoded(context: PeerContext, bytes: Buffer): Message | null {
  try {
    return decodeMessage(new Reader(bytes));
  } catch (problem) {
    if (!(problem instanceof Error) || problem.name !== 'ProtoError') throw problem;
    context.logger.warn('failed to unmarshal Raft message', {
      'local-member-id': formatId(context.localId),
      error: problem.message,
    });
    return null;
  }
}

function serveStream(
  options: PeerHandlerOptions,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { context } = options;
  if (!allowMethod(request, response, 'GET')) return;
  response.setHeader('X-Server-Version', context.serverVersion);
  response.setHeader('X-Etcd-Cluster-Id', formatId(context.clusterId));
  if (!isCompatible(context, request, response)) return;
  const admission = admitStream(options, path, request);
  if (admission.type === 'refused') {
    answerError(response, admission.status, admission.text);
    return;
  }
  beginStream(request, response);
  admission.peer.attach(admission.streamType, request.socket);
}

type Admission =
  | { readonly type: 'admitted'; readonly peer: Peer; readonly streamType: StreamType }
  | { readonly type: 'refused'; readonly status: number; readonly text: string };

function admitStream(options: PeerHandlerOptions, path: string, request: IncomingMessage): Admission {
  const { context } = options;
  const slash = path.lastIndexOf('/');
  const streamType = streamTypes.get(path.slice(0, slash));
  if (streamType === undefined) return { type: 'refused', status: 404, text: 'invalid path' };
  const from = parseId(path.slice(slash + 1));
  if (from === null) return { type: 'refused', status: 404, text: 'invalid from' };
  const local = formatId(context.localId);
  const ids = { 'local-member-id': local, 'remote-peer-id-stream-handler': local };
  const sender = { ...ids, 'remote-peer-id-from': formatId(from) };
  if (context.raft.isIdRemoved(from)) {
    warnOnce(context, 'rejected stream from remote peer because it was removed', sender);
    return { type: 'refused', status: 410, text: 'removed member' };
  }
  const peer = options.peer(from);
  if (peer === null) {
    options.addRemote(from, urlsOf(request));
    const fields = { ...sender, 'cluster-id': formatId(context.clusterId) };
    warnOnce(context, 'failed to find remote peer in cluster', fields);
    return { type: 'refused', status: 404, text: 'error sender not found' };
  }
  const to = headerOf(request, 'x-raft-to');
  if (to === local) return { type: 'admitted', peer, streamType };
  warnOnce(context, 'ignored streaming request; ID mismatch', {
    ...ids,
    'remote-peer-id-header': to,
    'remote-peer-id-from': formatId(from),
    'cluster-id': formatId(context.clusterId),
  });
  return { type: 'refused', status: 412, text: 'to field mismatch' };
}

/** Sends the headers of a chunked answer; from then on the stream's writer owns the socket. */
function beginStream(request: IncomingMessage, response: ServerResponse): void {
  response.statusCode = 200;
  response.setHeader('Transfer-Encoding', 'chunked');
  response.flushHeaders();
  request.socket.setNoDelay(true);
  request.socket.setTimeout(0);
}

/** Whether the sender speaks a version and belongs to the cluster that this member knows; else it is answered with 412. */
function isCompatible(context: PeerContext, request: IncomingMessage, response: ServerResponse): boolean {
  const remote = {
    serverVersion: headerOf(request, 'x-server-version') || unsaidVersion,
    minClusterVersion: headerOf(request, 'x-min-cluster-version') || unsaidVersion,
  };
  const name = headerOf(request, 'x-server-from');
  const fields = {
    'local-member-id': formatId(context.localId),
    'local-member-cluster-id': formatId(context.clusterId),
    'local-member-server-version': context.serverVersion,
    'local-member-server-minimum-cluster-version': context.minClusterVersion,
    'remote-peer-server-name': name,
    'remote-peer-server-version': remote.serverVersion,
    'remote-peer-server-minimum-cluster-version': remote.minClusterVersion,
  };
  const conflict = versionConflict(context, remote, name);
  if (conflict !== null) {
    warnOnce(context, 'failed version compatibility check', { ...fields, error: conflict });
    answerError(response, 412, 'incompatible version');
    return false;
  }
  const cluster = headerOf(request, 'x-etcd-cluster-id');
  if (cluster === formatId(context.clusterId)) return true;
  warnOnce(context, 'request cluster ID mismatch', { ...fields, 'remote-peer-cluster-id': cluster });
  answerError(response, 412, 'cluster ID mismatch');
  return false;
}

/** A peer that is refused dials again every 100 ms: its refusals are warned of once in a while, the rest is for debugging. */
function warnOnce(context: PeerContext, message: string, fields: Readonly<Record<string, string>>): void {
  const who = fields['remote-peer-id-from'] ?? fields['remote-peer-server-name'] ?? '';
  if (context.mayWarn(`${message} ${who}`)) context.logger.warn(message, fields);
  else context.logger.debug(message, fields);
}

function addRemoteOf(options: PeerHandlerOptions, request: IncomingMessage): void {
  const from = parseId(headerOf(request, 'x-server-from'));
  if (from !== null) options.addRemote(from, urlsOf(request));
}

function urlsOf(request: IncomingMessage): string[] {
  return headerOf(request, 'x-peerurls')
    .split(',')
    .filter((url) => url !== '');
}

function serveSnapshot(options: PeerHandlerOptions, request: IncomingMessage, response: ServerResponse): void {
  const { context, snapshots } = options;
  if (!allowMethod(request, response, 'POST')) return;
  response.setHeader('X-Etcd-Cluster-Id', formatId(context.clusterId));
  if (!isCompatible(context, request, response)) return;
  addRemoteOf(options, request);
  receiveSnapshot(context, snapshots, request).then(
    () => {
      response.statusCode = 204;
      response.end();
    },
    (problem: unknown) => {
      if (problem instanceof SnapshotCutOff) {
        request.socket.destroy();
        return;
      }
      const refusal =
        problem instanceof SnapshotRefused
          ? problem
          : new SnapshotRefused(500, `failed to save KV snapshot (${problem})`);
      context.logger.warn('failed to receive database snapshot', {
        'local-member-id': formatId(context.localId),
        'remote-snapshot-sender-id': headerOf(request, 'x-server-from'),
        error: refusal.message,
      });
      request.resume(); // a sender cut off in the middle would not see the answer
      answerError(response, refusal.status, refusal.message);
    },
  );
}

async function receiveSnapshot(
  context: PeerContext,
  snapshots: SnapshotReceiver,
  request: IncomingMessage,
): Promise<void> {
  const { message, bytes, database } = await readSnapshotMessage(request);
  context.metrics.receivedBytes(formatId(message.from), bytes);
  if (message.type !== messageType.snap) throw new SnapshotRefused(400, 'wrong raft message type');
  if (!(await context.admit(message))) throw new SnapshotCutOff();
  await snapshots.save(message, database);
  // It may have taken minutes.
  if (!(await context.admitAgain(message))) throw new SnapshotCutOff();
  if (context.deliver(message) === 'rejected') {
    throw new SnapshotRefused(500, 'failed to process raft message (rejected)');
  }
}

/** A fault keeps the snapshot from coming in: its sender sees the connection break. */
class SnapshotCutOff extends Error {
  override readonly name = 'SnapshotCutOff';
}
