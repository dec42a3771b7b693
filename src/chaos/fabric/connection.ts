/** One connection from a member to another, passed on as the rules of their link say. */
import type { Socket } from 'node:net';
import type { Random } from '../../base/ports.ts';
import { Lane } from './lane.ts';
import type { ConnectionKind, ConnectionRules, Direction } from './link-policy.ts';
import { carriesMessages, orderFor } from './link-policy.ts';
import { RequestSniffer } from './request-sniffer.ts';
import { StreamResponse } from './stream-response.ts';

/** What of Raft messages, or of chunks where messages cannot be told apart, went one way. */
export interface Tally {
  readonly messages: number;
  readonly bytes: number;
}

export interface ConnectionHooks {
  /** As they are now. */
  rules(): ConnectionRules;
  passed(direction: Direction, tally: Tally): void;
  /** Held, late or lost by a rule. */
  hit(direction: Direction, tally: Tally): void;
  /** One side is gone while what it sent is held: it lives on only to be delivered after the cut. */
  orphaned(): void;
  gone(): void;
}

const directions: readonly Direction[] = ['up', 'down'];
/** Losses are decided in millionths. */
const lossSteps = 1_000_000;

export class Connection {
  readonly #dialer: Socket;
  readonly #server: Socket;
  readonly #random: Random;
  readonly #hooks: ConnectionHooks;
  readonly #sniffer = new RequestSniffer();
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  #kind: ConnectionKind = 'unknown';
  #response: StreamResponse | null = null;
  #closed = false;

  /** Both sockets are open, and neither is read yet. */
  constructor(dialer: Socket, server: Socket, random: Random, hooks: ConnectionHooks) {
    this.#dialer = dialer;
    this.#server = server;
    this.#random = random;
    this.#hooks = hooks;
    this.#lanes = {
      up: new Lane(dialer, server, random, () => server.end()),
      down: new Lane(server, dialer, random, () => {
        dialer.end();
        this.#close(() => dialer.destroySoon());
      }),
    };
  }

  /** Begins to pass on what comes, after the bytes that the handshake left. */
  open(first: Buffer): void {
    const [dialer, server] = [this.#dialer, this.#server];
    dialer.on('data', (chunk: Buffer) => this.#fromDialer(chunk));
    server.on('data', (chunk: Buffer) => this.#fromServer(chunk));
    dialer.on('end', () => this.#dialerEnded());
    server.on('end', () => this.#serverEnded());
    dialer.on('error', () => this.#dialerEnded());
    server.on('error', () => this.#close(() => dialer.resetAndDestroy()));
    dialer.on('close', () => this.#dialerEnded());
    server.on('close', () => this.#serverEnded());
    this.apply();
    if (first.length > 0) this.#fromDialer(first);
    dialer.resume();
    server.resume();
  }

  /** Does what the rules say now. */
  apply(): void {
    if (this.#closed) return;
    const order = orderFor(this.#kind, this.#hooks.rules());
    if (order.type === 'reset') {
      this.reset();
      return;
    }
    for (const direction of directions) this.#lanes[direction].apply(order[direction]);
  }

  /**
   * Sends a message that says nothing along its lane, if it is a stream to `receiver`: what the rules do to messages is seen, even if
   * there are none for the moment.
   */
  probe(sender: string, receiver: string): void {
    const bytes = this.#response?.linkHeartbeat() ?? null;
    const { down } = this.#hooks.rules();
    if (this.#closed || bytes === null || down.from !== sender || down.to !== receiver) return;
    if (this.#isLost(down.loss)) this.#hooks.hit('down', { messages: 1, bytes: 0 });
    else this.#pass('down', bytes, 1);
  }

  /** Ends it as a firewall would; the link is seen to be hit. */
  reset(): void {
    const rules = this.#hooks.rules();
    for (const direction of directions) {
      const isCut = rules[direction].cut || rules[direction].loss > 0;
      if (isCut) this.#hooks.hit(direction, { messages: 1, bytes: 0 });
    }
    this.destroy();
  }

  destroy(): void {
    this.#close(() => this.#dialer.resetAndDestroy());
  }

  #fromDialer(chunk: Buffer): void {
    if (this.#closed) return;
    for (const { bytes, request } of this.#sniffer.push(chunk)) {
      if (request !== null) {
        this.#kind = request.kind;
        this.#response = request.stream === null ? null : new StreamResponse(request.stream);
        this.apply();
      }
      if (this.#closed) return;
      const begins = this.#kind === 'opaque' || request !== null;
      this.#pass('up', [bytes], begins ? 1 : 0);
    }
  }

  #fromServer(chunk: Buffer): void {
    if (this.#closed) return;
    if (this.#response === null) {
      this.#pass('down', [chunk], 1);
      return;
    }
    const { loss } = this.#hooks.rules().down;
    const framed = this.#response.push(chunk, () => this.#isLost(loss));
    if (framed.lost > 0) this.#hooks.hit('down', { messages: framed.lost, bytes: 0 });
    if (framed.broken) this.reset();
    else this.#pass('down', framed.bytes, framed.passed);
  }

  #isLost(loss: number): boolean {
    return loss > 0 && this.#random.below(lossSteps) < loss * lossSteps;
  }

  #pass(direction: Direction, bytes: readonly Buffer[], messages: number): void {
    const lane = this.#lanes[direction];
    const tally = { messages, bytes: bytes.reduce((sum, one) => sum + one.length, 0) };
    if (carriesMessages(this.#kind, direction) || lane.isHeld) {
      if (lane.isHit) this.#hooks.hit(direction, tally);
      else this.#hooks.passed(direction, tally);
    }
    lane.push(bytes);
  }

  #dialerEnded(): void {
    if (this.#closed) return;
    const { up, down } = this.#lanes;
    const rest = this.#sniffer.end();
    if (rest.length > 0) up.push([rest]);
    up.end();
    if (this.#closed) return;
    // Members do not half-close: nobody is there any more to take what the server says.
    if (up.isHeld) this.#hooks.orphaned();
    else if (down.isHeld || this.#dialer.destroyed) this.#close(() => this.#server.destroySoon());
  }

  #serverEnded(): void {
    if (this.#closed) return;
    const { down } = this.#lanes;
    const rest = this.#response?.end() ?? Buffer.alloc(0);
    if (rest.length > 0) down.push([rest]);
    down.end();
    if (!this.#closed && down.isHeld) this.#hooks.orphaned();
  }

  #close(finish: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const direction of directions) this.#lanes[direction].close();
    finish();
    this.#server.destroySoon();
    this.#dialer.destroySoon();
    this.#hooks.gone();
  }
}
