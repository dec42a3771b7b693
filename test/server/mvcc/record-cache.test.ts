import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordCache } from '../../../src/server/mvcc/record-cache.ts';

const mebibyte = 1024 * 1024;

describe('the cache of records', () => {
  it('gives what was put last under a revision, or nothing', () => {
    const revision = fc.constantFrom(1, 2, 2 ** 17 + 1, 2 ** 17 + 2, 2 ** 40 + 1);
    const add = fc.record({ main: revision, sub: fc.nat(2), text: fc.string() });
    fc.assert(
      fc.property(fc.array(add, { maxLength: 50 }), (adds) => {
        const cache = new RecordCache();
        const model = new Map<string, string>();
        for (const { main, sub, text } of adds) {
          cache.add(main, sub, Buffer.from(text));
          model.set(`${main}.${sub}`, text);
        }
        for (const { main, sub } of adds) {
          const found = cache.get(main, sub);
          if (found !== null) expect(Buffer.from(found).toString()).toBe(model.get(`${main}.${sub}`));
        }
        const last = adds.at(-1);
        if (last !== undefined) expect(cache.get(last.main, last.sub)).not.toBeNull();
      }),
    );
  });

  it('keeps records of 16 KiB, but none that is larger', () => {
    const cache = new RecordCache();
    cache.add(1, 0, Buffer.alloc(16 * 1024));
    cache.add(2, 0, Buffer.alloc(16 * 1024 + 1));
    expect([cache.get(1, 0)?.length, cache.get(2, 0)]).toEqual([16 * 1024, null]);
  });

  it('holds 32 MiB and its table, forgets the oldest first, and leaves whole what it gave out', () => {
    const cache = new RecordCache();
    const size = 10_000;
    const fill = (main: number) => Buffer.alloc(size, main % 251);
    const perChunk = Math.floor(mebibyte / size);
    for (let main = 1; main <= 32 * perChunk; main++) cache.add(main, 0, fill(main));
    const first = cache.get(1, 0);
    expect(first).toEqual(new Uint8Array(fill(1)));
    cache.add(32 * perChunk + 1, 0, fill(0));
    expect(cache.get(1, 0)).toBeNull();
    expect(cache.get(perChunk + 1, 0)).toEqual(new Uint8Array(fill(perChunk + 1)));
    for (let main = 1; main <= 64 * perChunk; main++) cache.add(main, 0, fill(main + 1));
    expect(first).toEqual(new Uint8Array(fill(1)));
    expect(cache.bytes).toBeLessThanOrEqual(35 * mebibyte);
  });

  it('needs nothing before the first record', () => {
    expect(new RecordCache().bytes).toBe(0);
    expect(new RecordCache().get(5, 0)).toBeNull();
  });
});
