import { invariant } from './assert.ts';
import type { Random } from './ports.ts';

/** A small deterministic generator (sfc32, 128 bits of state): the same seed always gives the same sequence. */
export function seededRandom(seed: number): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = 0x9e3779b9;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return {
    below(bound) {
      invariant(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 31, `bound ${bound} is in [1, 2^31]`);
      return Math.floor((next() / 2 ** 32) * bound);
    },
  };
}
