/** One other member: two streams each way, a pipeline for what cannot use them, and probes. */
import type { Socket } from 'node:net';
import { type Message, type MessageType, messageType } from '../../proto/raftpb.ts';
import { formatId } from '../cluster/ids.ts';
import type { PeerContext } from './context.ts';
import { PeerStatus } from './peer-status.ts';
import { Pipeline } from './pipeline.ts';
import { Prober } from './prober.ts';
import { type OutgoingSnapshot, sendSnapshot } from './snapshot-sender.ts';
import type { StreamType } from './stream-codec.ts';
import { StreamReader } from './stream-reader.ts';
import { StreamWriter } from './stream-writer.ts';
import { UrlPicker } from './url-picker.ts';

export class Peer {
  private readonly context: PeerContext;
  private readonly id: bigint;
  private readonly status: PeerStatus;
  private readonly picker: UrlPicker;
  private readonly probePickers: readonly UrlPicker[];
  private readonly pipeline: Pipeline;
  private readonly writers: Readonly<Record<StreamType, StreamWriter>>;
  private readonly readers: Readonly<Record<StreamType, StreamReader>>;
  private readonly probers: readonly Prober[];
  private readonly closing = new AbortController();
  /** A stream has been up since the process was last reported gone. */
  private seenUp = false;
  /** A dial was refused since a stream was last up. */
  private refused = false;
  /** How often a stream to the peer has ended. */
  private breaks = 0;

  /** Starts dialling at once. `urls` is not empty. */
  constructor(context: PeerContext, id: bigint, urls: readonly string[]) {
    this.context = context;
    this.id = id;
    context.logger.info('starting remote peer', { 'remote-peer-id': formatId(id) });
    this.status = new PeerStatus(context, id);
    this.picker = new UrlPicker(urls);
    this.pipeline = new Pipeline(context, id, this.picker, this.status);
    this.writers = { message: this.newWriter('message'), msgapp: this.newWriter('msgapp') };
    this.readers = { message: this.newReader('message'), msgapp: this.newReader('msgapp') };
    this.probePickers = [new UrlPicker(urls), new UrlPicker(urls)];
    this.probers = (['pipeline', 'stream'] as const).map(
      (kind, i) => new Prober(context, id, kind, this.probePickers[i] ?? this.picker),
    );
    context.logger.info('started remote peer', { 'remote-peer-id': formatId(id) });
  }

  private newWriter(type: StreamType): StreamWriter {
    return new StreamWriter(this.context, this.id, type, this.status, () => {
      this.breaks++;
      this.checkProcess();
    });
  }

  private newReader(type: StreamType): StreamReader {
    return new StreamReader(this.context, this.id, type, this.picker, this.status, {
      ended: () => {
        this.seenUp = true;
        this.refused = false;
      },
      refused: () => {
        this.refused = true;
        this.checkProcess();
      },
    });
  }

  /** Tells Raft that the peer's process is gone, when nothing else can explain what the streams show. */
  private checkProcess(): void {
    const { readers, writers } = this;
    if (writers.message.isAttached() || writers.msgapp.isAttached()) return;
    if (readers.message.isConnected() || readers.msgapp.isConnected()) return;
    if (!this.seenUp || !this.refused || this.context.faults.isSilent(this.id)) return;
    this.seenUp = false;
    this.context.raft.peerProcessGone?.(this.id);
  }

  /** Which streams to the peer are up, as a number that is another when one has ended; null if none is. */
  stream(): number | null {
    return this.writers.message.isAttached() || this.writers.msgapp.isAttached() ? this.breaks : null;
  }

  activeSince(): number | null {
    return this.status.activeSince();
  }

  roundTripMs(): number | null {
    return this.probers.map((prober) => prober.roundTripMs).find((ms) => ms !== null) ?? null;
  }

  /** Sends on the best connection there is. A message that no queue has room for is dropped and reported as lost. */
  send(message: Message): void {
    const type = message.type;
    if (type === messageType.app && this.writers.msgapp.isAttached()) {
      if (!this.writers.msgapp.send(message)) this.drop(message, 'streamMsgAppV2');
    } else if (type !== messageType.snap && this.writers.message.isAttached()) {
      if (!this.writers.message.send(message)) this.drop(message, 'streamMsg');
    } else if (!this.pipeline.send(message)) this.drop(message, 'pipeline');
  }

  private drop(message: Message, queue: string): void {
    const { context } = this;
    context.lost(this.id);
    if (message.type === messageType.snap) context.raft.reportSnapshot(this.id, false);
    context.metrics.sentFailure(formatId(this.id));
    if (!context.mayWarn(`dropped ${queue} ${formatId(this.id)}`)) return;
    context.logger.warn('dropped internal Raft message since sending buffer is full', {
      'message-type': messageTypeName(message.type),
      'local-member-id': formatId(context.localId),
      from: formatId(message.from),
      'remote-peer-id': formatId(this.id),
      'remote-peer-name': queue,
      'remote-peer-active': this.status.isActive(),
    });
  }

  /** Never rejects; the fate goes to Raft. */
  sendSnapshot(snapshot: OutgoingSnapshot): Promise<void> {
    return sendSnapshot(this.context, snapshot, this.picker, this.status, this.closing.signal);
  }

  /** Takes over a stream that the peer has dialled. Then it is up, so that this side need not wait to dial it. */
  attach(type: StreamType, socket: Socket): void {
    this.seenUp = true;
    this.refused = false;
    const isNew = type === 'message' && !this.writers.message.isAttached();
    this.writers[type].attach(socket);
    if (isNew) this.context.raft.peerConnected?.(this.id);
    this.readers.message.hurry();
    this.readers.msgapp.hurry();
  }

  update(urls: readonly string[]): void {
    this.picker.update(urls);
    for (const picker of this.probePickers) picker.update(urls);
  }

  async close(): Promise<void> {
    const fields = { 'remote-peer-id': formatId(this.id) };
    this.context.logger.info('stopping remote peer', fields);
    this.closing.abort();
    for (const prober of this.probers) prober.close();
    this.readers.msgapp.close();
    this.readers.message.close();
    this.pipeline.close();
    await Promise.all([this.writers.msgapp.close(), this.writers.message.close()]);
    this.context.logger.info('stopped remote peer', fields);
  }
}

/** "MsgApp", "MsgAppResp"…: raftpb's names. */
export function messageTypeName(type: MessageType): string {
  const name = Object.entries(messageType).find(([, value]) => value === type)?.[0] ?? `${type}`;
  return `Msg${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
