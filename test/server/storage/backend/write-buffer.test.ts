/** Puts and deletes on their way to the engine. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { visitOps } from '../../../../src/server/storage/backend/ops.ts';
import { WriteBuffer } from '../../../../src/server/storage/backend/write-buffer.ts';

type Op = readonly [bucket: number, key: string, value: string | null];

function write(buffer: WriteBuffer, [bucket, key, value]: Op): void {
  if (value === null) {
    buffer.delete(bucket, Buffer.from(key));
    return;
  }
  const writer = buffer.put(bucket, key.length, value.length);
  writer.raw(Buffer.from(key));
  writer.raw(Buffer.from(value));
}

function taken(buffer: WriteBuffer): Op[] {
  const ops: Op[] = [];
  const { parts, bytes } = buffer.take();
  expect(parts.reduce((sum, part) => sum + part.length, 0)).toBe(bytes);
  for (const part of parts) {
    visitOps(part, (bucket, key, value) => {
      ops.push([bucket, Buffer.from(key).toString(), value === null ? null : Buffer.from(value).toString()]);
    });
  }
  return ops;
}

const op: fc.Arbitrary<Op> = fc.tuple(
  fc.nat(9),
  fc.integer({ min: 1, max: 40 }).map((length) => 'k'.repeat(length)),
  fc.oneof(
    fc.constant(null),
    fc.nat(300).map((length) => 'v'.repeat(length)),
    // Larger than a small arena, so that arenas come and go.
    fc.nat(100_000).map((length) => 'w'.repeat(length)),
  ),
);
const step = fc.oneof(
  { weight: 6, arbitrary: op },
  { weight: 2, arbitrary: fc.constant('mark' as const) },
  { weight: 1, arbitrary: fc.constant('take' as const) },
);

describe('the write buffer', () => {
  it('gives out what was marked, once and in order, and keeps the rest', () => {
    const property = fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const buffer = new WriteBuffer();
      let marked: Op[] = [];
      let tail: Op[] = [];
      for (const one of steps) {
        if (one === 'take') {
          expect(taken(buffer)).toEqual(marked);
          marked = [];
        } else if (one === 'mark') {
          buffer.mark();
          marked = [...marked, ...tail];
          tail = [];
        } else {
          write(buffer, one);
          tail.push(one);
        }
        expect(buffer.count).toBe(marked.length + tail.length);
        expect(buffer.hasTail).toBe(tail.length > 0);
      }
      buffer.mark();
      expect(taken(buffer)).toEqual([...marked, ...tail]);
      expect(buffer.bytes).toBe(0);
    });
    fc.assert(property, { numRuns: 150 });
  });

  it('takes keys of up to 32,768 bytes, as bbolt does, and none that are empty', () => {
    const buffer = new WriteBuffer();
    write(buffer, [3, 'k'.repeat(32_768), '']);
    buffer.mark();
    expect(taken(buffer)).toEqual([[3, 'k'.repeat(32_768), '']]);
    expect(() => buffer.put(3, 32_769, 1)).toThrow('a key of 32769 bytes');
    expect(() => buffer.delete(3, new Uint8Array(0))).toThrow('a key of 0 bytes');
  });
});
