/**
 * Messages as single POSTs: what cannot go over a stream, because none is up or because the receiver is no peer yet. Up to
 * `pipelineWorkersMax` at a time, so that order is not kept; Raft does not need it. What would come too late is not sent at all.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { encodeMessage, type Message, messageType } from '../../proto/raftpb.ts';
import { errorText } from '../cluster/dial-error.ts';
import { formatId } from '../cluster/ids.ts';
import { memberRemovedText, type PeerContext, requestHeaders } from './context.ts';
import { pipelineAgeMaxMs, pipelineMessagesMax, pipelineWorkersMax } from './limits.ts';
import type { PeerStatus } from './peer-status.ts';
import type { UrlPicker } from './url-picker.ts';

/** More of an answer is not read. */
const answerBytesMax = 4_096;

export class Pipeline {
  private readonly context: PeerContext;
  private readonly peerId: bigint;
  private readonly picker: UrlPicker;
  private readonly status: PeerStatus;
  private readonly waiting: { readonly message: Message; readonly sinceMs: number }[] = [];
  private readonly posting = new Set<ClientRequest>();
  private closed = false;

  constructor(context: PeerContext, peerId: bigint, picker: UrlPicker, status: PeerStatus) {
    this.context = context;
    this.peerId = peerId;
    this.picker = picker;
    this.status = status;
    context.logger.info('started HTTP pipelining with remote peer', this.fields());
  }

  /** False, and nothing sent, if the queue is full. */
  send(message: Message): boolean {
    this.loseOld();
    if (this.closed || this.waiting.length >= pipelineMessagesMax) return false;
    this.waiting.push({ message, sinceMs: this.context.clock.monotonicMs() });
    this.startPosts();
    return true;
  }

  private startPosts(): void {
    this.loseOld();
    while (!this.closed && this.posting.size < pipelineWorkersMax) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.post(next.message);
    }
  }

  private loseOld(): void {
    const sinceMin = this.context.clock.monotonicMs() - pipelineAgeMaxMs;
    for (let first = this.waiting[0]; first !== undefined && first.sinceMs <= sinceMin; first = this.waiting[0]) {
      this.waiting.shift();
      this.lose(first.message);
    }
  }

  private post(message: Message): void {
    const { context } = this;
    const body = encodeMessage(message);
    const url = this.picker.pick();
    const request = context.requester.request({
      method: 'POST',
      url,
      path: '/raft',
      headers: {
        ...requestHeaders(context),
        'Content-Type': 'application/protobuf',
        'Content-Length': body.length,
      },
      kind: 'pipeline',
    });
    this.posting.add(request);
    let settled = false;
    const settle = (failure: string | null): void => {
      if (settled) return;
      settled = true;
      this.posting.delete(request);
      if (this.closed) return;
      if (failure === null) this.delivered(message, body.length);
      else this.failed(message, url, failure);
      this.startPosts();
    };
    request.on('error', (problem) => settle(errorText(problem)));
    request.once('response', (response) => readAnswer(response, (text) => settle(this.verdict(response, text, url))));
    request.end(body);
  }

  /** What an answer means: null if the message was accepted. */
  private verdict(response: IncomingMessage, body: string, url: string): string | null {
    const { context } = this;
    const peer = { 'remote-peer-id': formatId(this.peerId) };
    switch (response.statusCode) {
      case 204:
        return null;
      case 403:
        context.raft.removedFromCluster();
        return memberRemovedText;
      case 412:
        if (body === 'incompatible version') {
          if (context.mayWarn(`pipeline version ${formatId(this.peerId)}`)) {
            context.logger.error('request sent was ignored by peer', peer);
          }
          return body;
        }
        if (body === 'cluster ID mismatch') {
          if (context.mayWarn(`pipeline cluster ${formatId(this.peerId)}`)) {
            context.logger.error('request sent was ignored due to cluster ID mismatch', {
              ...peer,
              'remote-peer-cluster-id': String(response.headers['x-etcd-cluster-id'] ?? ''),
              'local-member-cluster-id': formatId(context.clusterId),
            });
          }
          return body;
        }
        return `unhandled error "${body}" when precondition failed`;
      default:
        return `unexpected http status ${response.statusMessage ?? ''} while posting to "${url}/raft"`;
    }
  }

  private delivered(message: Message, bytes: number): void {
    this.status.activate();
    this.context.metrics.sentBytes(formatId(this.peerId), bytes);
    if (message.type === messageType.snap) this.context.raft.reportSnapshot(message.to, true);
  }

  private failed(message: Message, url: string, reason: string): void {
    this.picker.unreachable(url);
    this.status.deactivate('write', 'pipeline', reason);
    this.lose(message);
  }

  private lose(message: Message): void {
    this.context.metrics.sentFailure(formatId(this.peerId));
    this.context.lost(message.to);
    if (message.type === messageType.snap) this.context.raft.reportSnapshot(message.to, false);
  }

  close(): void {
    this.closed = true;
    this.waiting.length = 0;
    for (const request of this.posting) request.destroy();
    this.context.logger.info('stopped HTTP pipelining with remote peer', this.fields());
  }

  private fields(): Record<string, string> {
    return { 'local-member-id': formatId(this.context.localId), 'remote-peer-id': formatId(this.peerId) };
  }
}

/** Calls `done` once, with the body's text, when the answer has ended in any way. */
export function readAnswer(response: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= answerBytesMax) chunks.push(chunk);
    else response.destroy();
  });
  response.on('error', () => {});
  response.once('close', () => done(Buffer.concat(chunks).toString('utf8').replace(/\n$/, '')));
}
