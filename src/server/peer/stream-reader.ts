/** The receiving end of one stream: dials the peer until it answers, decodes what it sends, and dials again when that ends. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Timer } from '../../base/ports.ts';
import type { Message } from '../../proto/raftpb.ts';
import { errorText } from '../cluster/dial-error.ts';
import { formatId } from '../cluster/ids.ts';
import { memberRemovedText, type PeerContext, requestHeaders } from './context.ts';
import { dialRetryMs, streamReadTimeoutMs } from './limits.ts';
import type { PeerStatus } from './peer-status.ts';
import { isRefused } from './requester.ts';
import { newStreamDecoder, type StreamType, streamTypeName } from './stream-codec.ts';
import type { UrlPicker } from './url-picker.ts';
import { servesStreams, unsaidVersion } from './versions.ts';

/** More of a refusal is not read. */
const refusalBytesMax = 4_096;

export interface StreamReaderEvents {
  /** The stream has ended. */
  ended(): void;
  /** A dial was refused by the peer's operating system. */
  refused(): void;
}

type State =
  | { readonly type: 'waiting'; readonly timer: Timer }
  | { readonly type: 'dialling'; readonly request: ClientRequest }
  | { readonly type: 'connected'; readonly response: IncomingMessage; readonly idle: Timer }
  | { readonly type: 'closed' };

export class StreamReader {
  private readonly context: PeerContext;
  private readonly peerId: bigint;
  private readonly type: StreamType;
  private readonly picker: UrlPicker;
  private readonly status: PeerStatus;
  private readonly events: StreamReaderEvents;
  private state: State;
  private dialledAt = Number.NEGATIVE_INFINITY;

  /** Dials at once. */
  constructor(
    context: PeerContext,
    peerId: bigint,
    type: StreamType,
    picker: UrlPicker,
    status: PeerStatus,
    events: StreamReaderEvents,
  ) {
    this.context = context;
    this.peerId = peerId;
    this.type = type;
    this.picker = picker;
    this.status = status;
    this.events = events;
    context.logger.info('started stream reader with remote peer', this.fields());
    this.state = this.wait();
  }

  isConnected(): boolean {
    return this.state.type === 'connected';
  }

  /** Dials without waiting, if it waits: there is reason to believe that the peer is up. */
  hurry(): void {
    if (this.state.type !== 'waiting') return;
    this.state.timer.cancel();
    this.dial();
  }

  private wait(): State {
    const { clock } = this.context;
    const delayMs = Math.max(0, this.dialledAt + dialRetryMs - clock.monotonicMs());
    return { type: 'waiting', timer: clock.after(delayMs, () => this.dial()) };
  }

  private dial(): void {
    const { context } = this;
    this.dialledAt = context.clock.monotonicMs();
    const url = this.picker.pick();
    const path = `/raft/stream/${this.type}/${formatId(context.localId)}`;
    context.logger.debug('dial stream reader', {
      from: formatId(context.localId),
      to: formatId(this.peerId),
      address: url + path,
    });
    const headers = { ...requestHeaders(context), 'X-Raft-To': formatId(this.peerId) };
    const request = context.requester.request({ method: 'GET', url, path, headers, kind: 'stream' });
    const state: State = { type: 'dialling', request };
    this.state = state;
    request.once('response', (response) => {
      if (this.state === state) this.answered(url, response);
      else response.destroy();
    });
    request.on('error', (problem) => {
      if (this.state !== state) return;
      this.failed(url, errorText(problem));
      if (isRefused(problem)) this.events.refused();
    });
    request.end();
  }

  private failed(url: string, reason: string): void {
    this.picker.unreachable(url);
    this.status.deactivate('dial', streamTypeName[this.type], reason);
    this.state = this.wait();
  }

  private answered(url: string, response: IncomingMessage): void {
    const version = headerOf(response, 'x-server-version') ?? unsaidVersion;
    if (!servesStreams(version, this.context.serverVersion)) {
      response.destroy();
      this.picker.unreachable(url);
      this.state = this.wait();
    } else if (response.statusCode === 200) this.connected(response);
    else this.refused(url, response);
  }

  private refused(url: string, response: IncomingMessage): void {
    const state = this.state;
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= refusalBytesMax) chunks.push(chunk);
      else response.destroy();
    });
    response.on('error', () => {});
    response.once('close', () => {
      if (this.state !== state) return;
      const body = Buffer.concat(chunks).toString('utf8').replace(/\n$/, '');
      this.failed(url, this.refusalReason(response, body));
      if (response.statusCode === 410) this.context.raft.removedFromCluster();
    });
  }

  private refusalReason(response: IncomingMessage, body: string): string {
    const { context } = this;
    const ids = { 'local-member-id': formatId(context.localId), 'remote-peer-id': formatId(this.peerId) };
    switch (response.statusCode) {
      case 410:
        return memberRemovedText;
      case 404:
        return `peer ${formatId(this.peerId)} failed to find local node ${formatId(context.localId)}`;
      case 412:
        if (body === 'incompatible version') {
          this.warn('request sent was ignored by remote peer due to server version incompatibility', {
            ...ids,
            error: body,
          });
          return body;
        }
        if (body === 'cluster ID mismatch') {
          this.warn('request sent was ignored by remote peer due to cluster ID mismatch', {
            ...ids,
            'remote-peer-cluster-id': headerOf(response, 'x-etcd-cluster-id') ?? '',
            'local-member-cluster-id': formatId(context.clusterId),
            error: body,
          });
          return body;
        }
        return `unhandled error "${body}" when precondition failed`;
      default:
        return `unhandled http status ${response.statusCode}`;
    }
  }

  private warn(message: string, fields: Record<string, string>): void {
    const { logger } = this.context;
    if (this.context.mayWarn(`${message} ${formatId(this.peerId)}`)) logger.warn(message, fields);
    else logger.debug(message, fields);
  }

  private connected(response: IncomingMessage): void {
    const { clock, logger, metrics, localId } = this.context;
    const decoder = newStreamDecoder(this.type, localId, this.peerId);
    const from = formatId(this.peerId);
    let lastByteAt = clock.monotonicMs();
    const idle = clock.every(streamReadTimeoutMs / 5, () => {
      if (clock.monotonicMs() - lastByteAt >= streamReadTimeoutMs) response.destroy(new Error('i/o timeout'));
    });
    const state: State = { type: 'connected', response, idle };
    this.state = state;
    this.status.activate();
    logger.info('established TCP streaming connection with remote peer', this.fields());
    const deliver = (message: Message): void => {
      if (this.state === state) this.context.receive(message);
    };
    response.on('data', (chunk: Buffer) => {
      if (this.state !== state) return;
      lastByteAt = clock.monotonicMs();
      metrics.receivedBytes(from, chunk.length);
      try {
        decoder.push(chunk, deliver);
      } catch (problem) {
        if (!(problem instanceof Error) || !protocolErrors.has(problem.name)) throw problem;
        metrics.receivedFailure(from);
        this.lost(state, problem.message);
      }
    });
    response.once('end', () => this.lost(state, eof));
    response.on('error', (problem) => this.lost(state, endText(problem)));
    response.once('close', () => this.lost(state, 'unexpected EOF'));
  }

  private lost(state: Extract<State, { type: 'connected' }>, reason: string): void {
    if (this.state !== state) return;
    state.idle.cancel();
    state.response.destroy();
    this.context.logger.warn('lost TCP streaming connection with remote peer', { ...this.fields(), error: reason });
    if (reason !== eof) this.status.deactivate('read', streamTypeName[this.type], reason);
    this.state = this.wait();
    this.events.ended();
  }

  close(): void {
    const state = this.state;
    this.state = { type: 'closed' };
    switch (state.type) {
      case 'waiting':
        state.timer.cancel();
        break;
      case 'dialling':
        state.request.destroy();
        break;
      case 'connected':
        state.idle.cancel();
        state.response.destroy();
        this.context.logger.warn('lost TCP streaming connection with remote peer', {
          ...this.fields(),
          error: 'context canceled',
        });
        break;
      case 'closed':
        return;
    }
    this.context.logger.info('stopped stream reader with remote peer', this.fields());
  }

  private fields(): Record<string, string> {
    return {
      'stream-reader-type': streamTypeName[this.type],
      'local-member-id': formatId(this.context.localId),
      'remote-peer-id': formatId(this.peerId),
    };
  }
}

/** The peer ended the stream in order, or its process did: not a failure of the network. */
const eof = 'EOF';

/** What a decoder throws at malformed bytes; anything else is a bug here. */
const protocolErrors: ReadonlySet<string> = new Set(['StreamError', 'ProtoError']);

function endText(problem: Error): string {
  return problem.message === 'aborted' ? 'unexpected EOF' : errorText(problem);
}

function headerOf(response: IncomingMessage, name: string): string | null {
  const value = response.headers[name];
  return typeof value === 'string' ? value : null;
}
