/**
 * The peer protocol (rafthttp): carries Raft's messages between this member and all others, real etcd members among them.
 * Messages may be lost, late, repeated or out of order, and Raft copes; what is promised is that lost ones are reported.
 */
import type { RequestListener } from 'node:http';
import type { CutMode, HeldCounters } from '../../base/admin-protocol.ts';
import { unreachable } from '../../base/assert.ts';
import type { Clock } from '../../base/ports.ts';
import { type Message, type MessageType, messageType } from '../../proto/raftpb.ts';
import { formatId } from '../cluster/ids.ts';
import { parsePeerUrls } from '../cluster/peer-urls.ts';
import type { Identity, PeerContext, RaftPort, Reception } from './context.ts';
import { DelayLine } from './delay-line.ts';
import { type FaultVerdict, noFaults, type PeerFaults } from './faults.ts';
import { type Direction, type HeldFate, type HeldMessage, HeldMessages } from './held-messages.ts';
import { answerNotFound } from './http-answers.ts';
import { dialTimeoutMs, remotesMax, repeatedWarningMs } from './limits.ts';
import type { StructuredLogger } from './logger.ts';
import { noPeerMetrics, type PeerMetrics } from './metrics.ts';
import { messageTypeName, Peer } from './peer.ts';
import { newPeerHandler } from './peer-handler.ts';
import { PeerStatus } from './peer-status.ts';
import { Pipeline } from './pipeline.ts';
import { Requester, type TlsOptions } from './requester.ts';
import { noSnapshotReceiver, type SnapshotReceiver } from './snapshot-receiver.ts';
import type { OutgoingSnapshot } from './snapshot-sender.ts';
import { UrlPicker } from './url-picker.ts';

export interface PeerTransportOptions extends Identity {
  readonly raft: RaftPort;
  readonly clock: Clock;
  readonly logger: StructuredLogger;
  /** The body of GET /version. */
  versionJson(): string;
  /** The body of GET /members: a JSON array and a newline. */
  membersJson(): string;
  /** Absent: nothing is counted. */
  readonly metrics?: PeerMetrics;
  /** Absent: snapshots are refused with status 500. */
  readonly snapshots?: SnapshotReceiver;
  /** Serves the paths of the peer port that are not the transport's. Absent: 404. */
  readonly fallback?: RequestListener;
  /** What is done to messages on their way. Absent: nothing. */
  readonly faults?: PeerFaults;
  /** For peers with https URLs. */
  readonly tls?: () => TlsOptions;
}

/** Messages between a node and itself or its storage; none of them comes from the network. */
const localTypes: ReadonlySet<MessageType> = new Set([
  messageType.hup,
  messageType.beat,
  messageType.unreachable,
  messageType.snapStatus,
  messageType.checkQuorum,
  messageType.storageAppend,
  messageType.storageAppendResp,
  messageType.storageApply,
  messageType.storageApplyResp,
]);
const knownTypes: ReadonlySet<number> = new Set(Object.values(messageType));

export class PeerTransport {
  /** For the peer port's HTTP server. */
  readonly handler: RequestListener;
  private readonly context: PeerContext;
  private readonly peers = new Map<bigint, Peer>();
  /** Senders that are no peers (yet): new members that this one has not learnt of. They are answered by POST only. */
  private readonly remotes = new Map<bigint, Pipeline>();
  private readonly delayed: DelayLine;
  private readonly heldBack = new HeldMessages();
  private readonly lostIds = new Set<bigint>();
  private readonly warnedAt = new Map<string, number>();
  private readonly leaving = new Set<Promise<void>>();
  private closed = false;

  constructor(options: PeerTransportOptions) {
    const context: PeerContext = {
      localId: options.localId,
      clusterId: options.clusterId,
      serverVersion: options.serverVersion,
      minClusterVersion: options.minClusterVersion,
      localPeerUrls: () => options.localPeerUrls(),
      raft: options.raft,
      clock: options.clock,
      logger: options.logger,
      metrics: options.metrics ?? noPeerMetrics,
      requester: new Requester(options.clock, options.tls),
      faults: options.faults ?? noFaults,
      receive: (message) => this.receive(message),
      admit: (message) => this.admit(message),
      admitAgain: (message) => this.admitAgain(message),
      deliver: (message) => this.deliver(message),
      lost: (id) => this.reportLost(id),
      mayWarn: (key) => this.mayWarn(key),
    };
    this.context = context;
    this.delayed = new DelayLine(options.clock);
    context.faults.watch(() =>
      this.heldBack.review(({ direction, message }) => fateUnder(context.faults.cutOf(direction, message))),
    );
    this.handler = newPeerHandler({
      context,
      peer: (id) => this.peers.get(id) ?? null,
      addRemote: (id, urls) => this.addRemote(id, urls),
      snapshots: options.snapshots ?? noSnapshotReceiver,
      versionJson: () => options.versionJson(),
      membersJson: () => options.membersJson(),
      fallback: options.fallback ?? ((_, response) => answerNotFound(response)),
    });
  }

  /** Connects to another member; no effect if it is a peer already. `urls` are its peer URLs, at least one. */
  addPeer(id: bigint, urls: readonly string[]): void {
    if (this.closed || this.peers.has(id) || id === this.context.localId) return;
    this.peers.set(id, new Peer(this.context, id, urls));
    this.remotes.get(id)?.close();
    this.remotes.delete(id);
    this.context.logger.info('added remote peer', {
      'local-member-id': formatId(this.context.localId),
      'remote-peer-id': formatId(id),
      'remote-peer-urls': urls,
    });
  }

  /** Cuts the connections to a member that is no longer one. */
  removePeer(id: bigint): void {
    const { logger, localId } = this.context;
    const fields = { 'local-member-id': formatId(localId), 'removed-remote-peer-id': formatId(id) };
    const peer = this.peers.get(id);
    if (peer === undefined) {
      logger.warn('skipped removing already removed peer', fields);
      return;
    }
    this.peers.delete(id);
    this.heldBack.forget(id);
    const leaving = peer.close();
    this.leaving.add(leaving);
    void leaving.finally(() => this.leaving.delete(leaving));
    logger.info('removed remote peer', fields);
  }

  /** The member has other URLs from now on; streams that are up stay up. */
  updatePeer(id: bigint, urls: readonly string[]): void {
    const peer = this.peers.get(id);
    if (peer === undefined) return;
    peer.update(urls);
    this.context.logger.info('updated remote peer', {
      'local-member-id': formatId(this.context.localId),
      'updated-remote-peer-id': formatId(id),
      'updated-remote-peer-urls': urls,
    });
  }

  /** Ids of all peers. */
  peerIds(): bigint[] {
    return [...this.peers.keys()];
  }

  /** Since when a peer has been reachable without a break, on the clock's monotonic scale (ms); null if it is not. */
  activeSince(id: bigint): number | null {
    return this.context.faults.isSevered(id) ? null : (this.peers.get(id)?.activeSince() ?? null);
  }

  /** What faults have held back on the link with a peer. */
  held(id: bigint): HeldCounters {
    return this.heldBack.counters(id);
  }

  /** Milliseconds that the last probe of a peer took to be answered; null if none was. */
  roundTripMs(id: bigint): number | null {
    return this.peers.get(id)?.roundTripMs() ?? null;
  }

  /**
   * Sends the messages of one Ready. Of several MsgAppResp to one member only the last is sent, since it says all that the others
   * say. Messages to members that are removed or unknown are dropped; MsgSnap must go through `sendSnapshot`, with its database.
   */
  send(messages: readonly Message[]): void {
    if (this.closed) return;
    const superseded = supersededAppResps(messages);
    for (const message of messages) {
      if (message.to === 0n || superseded.has(message) || this.context.raft.isIdRemoved(message.to)) continue;
      const verdict = this.context.faults.outgoing(message);
      if (verdict === 'pass') this.transmit(message);
      else this.hinder(verdict, 'outgoing', message, this.transmit);
    }
  }

  private readonly transmit = (message: Message): void => {
    const peer = this.peers.get(message.to);
    if (peer !== undefined) {
      peer.send(message);
      return;
    }
    const remote = this.remotes.get(message.to);
    if (remote === undefined) {
      this.context.logger.debug('ignored message send request; unknown remote peer target', {
        type: messageTypeName(message.type),
        'unknown-target-peer-id': formatId(message.to),
      });
    } else if (!remote.send(message)) this.context.metrics.sentFailure(formatId(message.to));
  };

  /** Sends a MsgSnap with its database to a peer. Its fate goes to Raft (reportSnapshot); the promise never rejects. */
  async sendSnapshot(snapshot: OutgoingSnapshot): Promise<void> {
    const { message } = snapshot;
    const passes = await this.passes(this.context.faults.outgoing(message), 'outgoing', message);
    const peer = this.peers.get(message.to);
    if (peer !== undefined && passes) await peer.sendSnapshot(snapshot);
    else if (!this.closed) {
      this.context.lost(message.to);
      this.context.raft.reportSnapshot(message.to, false);
    }
  }

  /** Carries out what a fault says of a message that does not pass as it is. */
  private hinder(
    verdict: Exclude<FaultVerdict, 'pass'>,
    direction: Direction,
    message: Message,
    proceed: (message: Message) => void,
  ): void {
    switch (verdict) {
      case 'drop':
        return;
      case 'reset':
        if (direction === 'outgoing') this.context.lost(message.to);
        return;
      case 'hold':
        if (direction === 'outgoing') this.holdOutgoing(message);
        else this.holdIncoming(message);
        return;
      default:
        this.delayed.push(lineOf(direction, message), verdict, () => {
          if (!this.closed) proceed(message);
        });
    }
  }

  /** It lies in the buffers of a stream: if that breaks meanwhile, it is lost. Without a stream no connection is made over a cut link. */
  private holdOutgoing(message: Message): void {
    const { context } = this;
    const peer = this.peers.get(message.to);
    const stream = peer?.stream() ?? null;
    const lose = (isTold: boolean): void => {
      if (isTold) context.lost(message.to);
    };
    const proceed = (): void => {
      if (peer?.stream() === stream) this.transmit(message);
      else lose(true);
    };
    const isHeld = stream !== null && this.heldBack.hold({ direction: 'outgoing', message, proceed, lose });
    if (isHeld) return;
    context.metrics.sentFailure(formatId(message.to));
    lose(true);
  }

  /** It has left the sender, and comes late whatever becomes of that. */
  private holdIncoming(message: Message): void {
    const { metrics, raft } = this.context;
    const proceed = (): void => {
      if (!raft.isIdRemoved(message.from)) this.process(message);
    };
    const isHeld = this.heldBack.hold({ direction: 'incoming', message, proceed, lose: () => {} });
    if (!isHeld) metrics.receivedFailure(formatId(message.from));
  }

  /** The same for a snapshot, which takes its time anyway: resolves to whether it may go on, when it may. */
  private passes(verdict: FaultVerdict, direction: Direction, message: Message): Promise<boolean> {
    if (verdict === 'hold') return this.waits(direction, message);
    if (typeof verdict !== 'number') return Promise.resolve(verdict === 'pass');
    return new Promise((resolve) => {
      if (!this.delayed.push(lineOf(direction, message), verdict, () => resolve(true))) resolve(false);
    });
  }

  /** One that goes out needs a connection first, for which it waits no longer than for any; one that comes in waits as long as its sender. */
  private waits(direction: Direction, message: Message): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (goesOn: boolean): void => {
        limit?.cancel();
        this.heldBack.remove(held);
        resolve(goesOn);
      };
      const held: HeldMessage = { direction, message, proceed: () => settle(true), lose: () => settle(false) };
      const limit = direction === 'outgoing' ? this.context.clock.after(dialTimeoutMs, () => settle(false)) : null;
      if (!this.heldBack.hold(held)) settle(false);
    });
  }

  /** Whether a snapshot may come in, when its message has arrived. */
  private admit(message: Message): Promise<boolean> {
    return this.passes(this.context.faults.incoming(message), 'incoming', message);
  }

  /** The same when its database has come: the link may have been cut since. */
  private admitAgain(message: Message): Promise<boolean> {
    return this.passes(this.context.faults.cutOf('incoming', message) ?? 'pass', 'incoming', message);
  }

  private receive(message: Message): Reception {
    const refusal = this.refusal(message);
    if (refusal !== null) return refusal;
    const verdict = this.context.faults.incoming(message);
    if (verdict === 'pass') this.process(message);
    else this.hinder(verdict, 'incoming', message, this.process);
    return 'accepted';
  }

  private deliver(message: Message): Reception {
    const refusal = this.refusal(message);
    if (refusal !== null) return refusal;
    this.process(message);
    return 'accepted';
  }

  /** What to answer to a message that is not for Raft; null if it is. */
  private refusal(message: Message): Reception | null {
    const { raft, logger, localId } = this.context;
    if (raft.isIdRemoved(message.from)) {
      logger.warn('rejected Raft message from removed member', {
        'local-member-id': formatId(localId),
        'removed-member-id': formatId(message.from),
      });
      return 'rejected';
    }
    if (message.to !== localId) {
      logger.warn('rejected Raft message to mismatch member', {
        'local-member-id': formatId(localId),
        'mismatch-member-id': formatId(message.to),
      });
      return 'rejected';
    }
    if (localTypes.has(message.type) || !knownTypes.has(message.type)) {
      this.context.metrics.receivedFailure(formatId(message.from));
      return 'accepted';
    }
    return this.closed ? 'accepted' : null;
  }

  private readonly process = (message: Message): void => {
    if (!this.context.faults.take(message)) this.context.raft.process(message);
  };

  private addRemote(id: bigint, texts: readonly string[]): void {
    const { context } = this;
    if (this.closed || this.peers.has(id) || this.remotes.has(id) || this.remotes.size >= remotesMax) return;
    if (id === context.localId || id === 0n || context.raft.isIdRemoved(id)) return;
    const urls = parsePeerUrls(texts);
    if (!urls.ok) return;
    this.remotes.set(id, new Pipeline(context, id, new UrlPicker(urls.value), new PeerStatus(context, id)));
    context.logger.info('added new remote peer', {
      'local-member-id': formatId(context.localId),
      'remote-peer-id': formatId(id),
      'remote-peer-urls': urls.value,
    });
  }

  /** Later in the same loop turn, and once for all messages lost until then: the driver may be in the middle of a batch. */
  private reportLost(id: bigint): void {
    if (this.lostIds.size === 0) process.nextTick(() => this.flushLost());
    this.lostIds.add(id);
  }

  private flushLost(): void {
    const ids = [...this.lostIds];
    this.lostIds.clear();
    if (this.closed) return;
    for (const id of ids) this.context.raft.reportUnreachable(id);
  }

  private mayWarn(key: string): boolean {
    const now = this.context.clock.monotonicMs();
    const last = this.warnedAt.get(key);
    if (last !== undefined && now - last < repeatedWarningMs) return false;
    if (this.warnedAt.size >= warningKeysMax) this.warnedAt.clear();
    this.warnedAt.set(key, now);
    return true;
  }

  /** Ends all streams in order and cancels all timers; resolves when every connection of the transport is closed. */
  async close(): Promise<void> {
    this.closed = true;
    this.delayed.close();
    this.heldBack.close();
    for (const remote of this.remotes.values()) remote.close();
    const peers = [...this.peers.values()].map((peer) => peer.close());
    this.remotes.clear();
    this.peers.clear();
    await Promise.all([...peers, ...this.leaving]);
    this.context.requester.close();
  }
}

/** Kinds of repeated warnings remembered; beyond, all are forgotten and may be logged again. */
const warningKeysMax = 1_024;

/** The messages of one link in one direction keep their order when they are late. */
function lineOf(direction: Direction, message: Message): string {
  return direction === 'outgoing' ? `to ${message.to}` : `from ${message.from}`;
}

function fateUnder(cut: CutMode | null): HeldFate {
  switch (cut) {
    case null:
      return 'proceed';
    case 'hold':
      return 'hold';
    case 'drop':
      return 'lose';
    case 'reset':
      return 'tell';
    default:
      return unreachable(cut);
  }
}

const none: ReadonlySet<Message> = new Set();

function supersededAppResps(messages: readonly Message[]): ReadonlySet<Message> {
  let responses = 0;
  for (const message of messages) if (message.type === messageType.appResp) responses++;
  if (responses < 2) return none;
  const superseded = new Set<Message>();
  const last = new Map<bigint, Message>();
  for (const message of messages) {
    if (message.type !== messageType.appResp) continue;
    const earlier = last.get(message.to);
    if (earlier !== undefined) superseded.add(earlier);
    last.set(message.to, message);
  }
  return superseded;
}
