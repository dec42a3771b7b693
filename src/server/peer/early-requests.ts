/**
 * What peers ask of a member that has not started yet. Its port is open from the beginning, as etcd's is, so that streams are there the
 * moment it starts. But Raft's messages age while they wait: a heartbeat that is delivered seconds late makes a follower of whoever
 * hears it, of a leader that may have stepped down since. So they wait no longer than until their sender has something newer to say.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../base/ports.ts';
import { answerError } from './http-answers.ts';
import { earlyMessageAgeMaxMs, earlyRequestsMax } from './limits.ts';

export interface EarlyRequestsOptions {
  readonly clock: Clock;
  /**
   * Nobody has to wait to hear from this member who its cluster is: it has none yet. Other founders ask each other that, and each
   * would wait for an answer that cannot come before its own.
   */
  readonly isFounder: boolean;
}

interface Early {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly sinceMs: number;
  /** Null: it may wait for as long as the peer does. */
  readonly limit: Timer | null;
}

const startingText = 'etcdserver: the member is starting';

export class EarlyRequests {
  private readonly options: EarlyRequestsOptions;
  private readonly waiting = new Set<Early>();
  private serving: RequestListener | null = null;

  constructor(options: EarlyRequestsOptions) {
    this.options = options;
  }

  /** For the peer port's HTTP server. */
  readonly handler: RequestListener = (request, response) => {
    if (this.serving !== null) this.serving(request, response);
    else if (this.waiting.size >= earlyRequestsMax) refuse(request, response);
    else if (this.options.isFounder && asksForMembers(request)) refuse(request, response);
    else this.wait(request, response);
  };

  /** From now on the listener answers, first those that wait; it gets no message of Raft that has waited too long. */
  serve(listener: RequestListener): void {
    this.serving = listener;
    const nowMs = this.options.clock.monotonicMs();
    for (const early of this.waiting) {
      const { request, response, sinceMs, limit } = early;
      this.forget(early);
      // The timer may be late: a member that starts is busy.
      if (limit !== null && nowMs - sinceMs >= earlyMessageAgeMaxMs) refuse(request, response);
      else listener(request, response);
    }
  }

  /** Nobody waits any more. */
  close(): void {
    for (const early of this.waiting) {
      this.forget(early);
      early.response.destroy();
    }
  }

  private wait(request: IncomingMessage, response: ServerResponse): void {
    const { clock } = this.options;
    const giveUp = (): void => {
      this.forget(early);
      refuse(request, response);
    };
    const limit = bringsMessage(request) ? clock.after(earlyMessageAgeMaxMs, giveUp) : null;
    const early: Early = { request, response, sinceMs: clock.monotonicMs(), limit };
    this.waiting.add(early);
    response.once('close', () => this.forget(early));
  }

  private forget(early: Early): void {
    early.limit?.cancel();
    this.waiting.delete(early);
  }
}

function refuse(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  response.setHeader('Connection', 'close');
  answerError(response, 503, startingText);
}

function bringsMessage({ method, url }: IncomingMessage): boolean {
  return method === 'POST' && (url === '/raft' || url === '/raft/snapshot');
}

function asksForMembers({ url }: IncomingMessage): boolean {
  return url === '/members';
}
