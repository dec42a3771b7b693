/**
 * Speaks to a bundled member over its admin socket (base/admin-protocol.ts), from the moment it listens to its end, and again when it
 * is back.
 */
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { AdminAnswer, AdminPush, AdminRequest, AdminStatus } from '../base/admin-protocol.ts';
import { adminLineBytesMax } from '../base/admin-protocol.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

/** What to do; the client numbers it. */
export type AdminOrder = AdminRequest extends infer R ? (R extends AdminRequest ? Omit<R, 'id'> : never) : never;

export interface AdminEvents {
  /** A push, or the answer to an order for the status. */
  onStatus(status: AdminStatus): void;
  /** The connection stands; pushes have to be ordered anew. */
  onConnected(): void;
  onGone(): void;
}

/** Between two attempts to connect. */
const retryMs = 200;
/** Orders that wait for their answers; more are refused. */
const pendingMax = 64;

export class AdminClient {
  readonly #path: string;
  readonly #events: AdminEvents;
  #socket: Socket | null = null;
  #connected = false;
  #retry: NodeJS.Timeout | null = null;
  #open = false;
  #lastId = 0;
  readonly #pending = new Map<number, (answer: Result<AdminStatus | null, string>) => void>();

  constructor(path: string, events: AdminEvents) {
    this.#path = path;
    this.#events = events;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Tries to connect until it succeeds, and again whenever the connection breaks, until `close`. */
  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.#connect();
  }

  /** Nothing is told any more. */
  close(): void {
    this.#open = false;
    clearTimeout(this.#retry ?? undefined);
    this.#socket?.destroy();
  }

  /** The status, where the answer has one. The error is the member's, or says that it is not there or does not answer. */
  order(order: AdminOrder, timeoutMs: number): Promise<Result<AdminStatus | null, string>> {
    const socket = this.#socket;
    if (!this.#connected || socket === null) return Promise.resolve(err('its admin socket is not connected'));
    if (this.#pending.size >= pendingMax) return Promise.resolve(err('it has too many orders to answer already'));
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      const settle = (answer: Result<AdminStatus | null, string>) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(err(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      this.#pending.set(id, settle);
      socket.write(`${JSON.stringify({ id, ...order })}\n`);
    });
  }

  #connect(): void {
    let text = '';
    const socket = createConnection(this.#path);
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.once('connect', () => {
      this.#connected = true;
      this.#events.onConnected();
    });
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        this.#hear(line);
      }
      if (text.length > adminLineBytesMax) socket.destroy();
    });
    socket.on('error', () => {}); // 'close' follows, and says all there is to know
    socket.once('close', () => this.#closed());
    socket.unref();
  }

  #closed(): void {
    const wasConnected = this.#connected;
    this.#connected = false;
    this.#socket = null;
    for (const settle of [...this.#pending.values()]) settle(err('the member is gone'));
    if (!this.#open) return;
    if (wasConnected) this.#events.onGone();
    this.#retry = setTimeout(() => this.#connect(), retryMs).unref();
  }

  #hear(line: string): void {
    const message = parse(line);
    if (message === null) return;
    if ('event' in message) {
      this.#events.onStatus(message.status);
      return;
    }
    const settle = this.#pending.get(message.id);
    if (message.ok && message.status !== undefined) this.#events.onStatus(message.status);
    settle?.(message.ok ? ok(message.status ?? null) : err(message.error));
  }
}

function parse(line: string): AdminAnswer | AdminPush | null {
  try {
    // From a child of ours at a path that only this user can reach: a bundled member says what the protocol says.
    return JSON.parse(line) as AdminAnswer | AdminPush;
  } catch {
    return null;
  }
}
