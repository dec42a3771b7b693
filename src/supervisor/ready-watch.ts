/** Watches a started process by its check: until it is ready, and after that whether it stays so. */
import type { Look, Surroundings } from './probes.ts';
import { probe } from './probes.ts';
import type { ReadyCheck } from './ready-check.ts';
import { describeCheck } from './ready-check.ts';

/** After this the log says what is missing. */
const impatienceMs = 10_000;
/** From one look to the next once it is ready, if its check is not slower anyway: seldom enough to cost nothing. */
const livenessIntervalMs = 1_000;
/** One failed look may be bad luck. */
const failuresUntilLost = 2;

export interface Watched extends Surroundings {
  /** Lets `hear` have its output in blocks of whole lines, until `signal` aborts. */
  listen(hear: (block: Buffer) => void, signal: AbortSignal): void;
}

export interface ReadyEvents {
  /** Called once at most. Nothing is called after `close`. */
  onReady(): void;
  /** It was ready, and its check has failed twice since. */
  onLost(reason: string): void;
  /** Its check succeeds again. */
  onRegained(): void;
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
    clearTimeout(this.#impatience);
    this.#events.onReady();
  }

  async #look(look: Look, surroundings: Surroundings): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const reason = await probe(look, surroundings, signal);
      if (reason === null) {
        this.#ready();
        break;
      }
      this.#reason = reason;
      await pause(look.intervalMs);
    }
    // A command would be a process a second.
    if (look.type !== 'exec') await this.#lookOn(look, surroundings);
  }

  async #lookOn(look: Look, surroundings: Surroundings): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    for (;;) {
      await pause(failures > 0 ? look.intervalMs : Math.max(look.intervalMs, livenessIntervalMs));
      if (signal.aborted) return;
      const reason = await probe(look, surroundings, signal);
      if (signal.aborted) return;
      if (reason === null && failures >= failuresUntilLost) this.#events.onRegained();
      failures = reason === null ? 0 : failures + 1;
      if (reason !== null && failures === failuresUntilLost) this.#events.onLost(reason);
    }
  }

  #listen(pattern: string, watched: Watched): void {
    const expression = new RegExp(pattern, 'u');
    const hear = (block: Buffer) => {
      const lines = block.toString('utf8').split('\n');
      if (!lines.slice(0, -1).some((line) => expression.test(line))) return;
      this.#ready();
      this.close();
    };
    watched.listen(hear, this.#abort.signal);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
