/** Watches a started process until it is ready, by its check. */
import type { Look, Surroundings } from './probes.ts';
import { probe } from './probes.ts';
import type { ReadyCheck } from './ready-check.ts';
import { describeCheck } from './ready-check.ts';

/** After this the log says what is missing. */
const impatienceMs = 10_000;

export interface Watched extends Surroundings {
  /** Lets `hear` have its output in blocks of whole lines, until `signal` aborts. */
  listen(hear: (block: Buffer) => void, signal: AbortSignal): void;
}

export interface ReadyEvents {
  /** Called once at most, and never after `close`. */
  onReady(): void;
  /** It takes long; `reason` says what the check waits for. */
  onSlow(reason: string): void;
}

export class ReadyWatch {
  readonly #abort = new AbortController();
  readonly #events: ReadyEvents;
  readonly #impatience: NodeJS.Timeout;
  /** Why the last look failed. */
  #reason: string;

  constructor(check: Exclude<ReadyCheck, { type: 'started' | 'finished' }>, watched: Watched, events: ReadyEvents) {
    this.#events = events;
    this.#reason = `waiting for ${describeCheck(check)}`;
    this.#impatience = setTimeout(() => events.onSlow(this.#reason), impatienceMs).unref();
    if (check.type === 'log') this.#listen(check.pattern, watched);
    else void this.#look(check, watched);
  }

  /** Nothing is looked at any more, and nothing of a look is left. */
  close(): void {
    clearTimeout(this.#impatience);
    this.#abort.abort();
  }

  #ready(): void {
    if (this.#abort.signal.aborted) return;
    this.close();
    this.#events.onReady();
  }

  async #look(look: Look, surroundings: Surroundings): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const reason = await probe(look, surroundings, signal);
      if (reason === null) return this.#ready();
      this.#reason = reason;
      await new Promise((resolve) => setTimeout(resolve, look.intervalMs).unref());
    }
  }

  #listen(pattern: string, watched: Watched): void {
    const expression = new RegExp(pattern, 'u');
    const hear = (block: Buffer) => {
      const lines = block.toString('utf8').split('\n');
      if (lines.slice(0, -1).some((line) => expression.test(line))) this.#ready();
    };
    watched.listen(hear, this.#abort.signal);
  }
}
