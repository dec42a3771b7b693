/** Thins out floods as zap does in etcd: per second, level and message, the first 100 lines pass, then every 100th. */
import type { Level } from './record.ts';

const passFirst = 100;
const passEvery = 100;
const windowUs = 1_000_000;
/** Distinct messages counted per second; beyond it, counting starts afresh (so more lines pass, never fewer). */
export const messagesMax = 4096;

export class Sampler {
  #windowStartUs = 0;
  readonly #counts = new Map<string, number>();

  /** Counts the line and says whether to print it. */
  passes(level: Level, message: string, timeUs: number): boolean {
    if (timeUs - this.#windowStartUs >= windowUs || timeUs < this.#windowStartUs) {
      this.#windowStartUs = timeUs;
      this.#counts.clear();
    }
    const key = `${level} ${message}`;
    const count = (this.#counts.get(key) ?? 0) + 1;
    if (count === 1 && this.#counts.size >= messagesMax) this.#counts.clear();
    this.#counts.set(key, count);
    return count <= passFirst || (count - passFirst) % passEvery === 0;
  }
}
