/** The ports of base/ports.ts over Node. */
import { randomInt } from 'node:crypto';
import type { Clock, Random, Timer } from '../base/ports.ts';

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => timer(setTimeout(callback, delayMs), clearTimeout),
  every: (intervalMs, callback) => timer(setInterval(callback, intervalMs), clearInterval),
};

function timer(handle: NodeJS.Timeout, clear: (handle: NodeJS.Timeout) => void): Timer {
  return { cancel: () => clear(handle) };
}

/** Election timeouts must differ between members that start at the same instant, so the operating system's randomness is used. */
export const nodeRandom: Random = { below: (bound) => randomInt(bound) };
