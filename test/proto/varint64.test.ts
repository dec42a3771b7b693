import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader, sizeVarint64, Writer } from '../../src/proto/codec.ts';

/** The definition, slowly. */
function reference(value: bigint): string {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]).toString('hex');
}

const edges = [0n, 1n, 127n, 128n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 56n - 1n, 2n ** 56n, 2n ** 63n - 1n];
const value = fc.oneof(
  fc.constantFrom(...edges, 2n ** 63n, 2n ** 64n - 1n, -1n, -(2n ** 63n), -(2n ** 31n)),
  fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n),
);

describe('64-bit varints', () => {
  it('are written and sized by definition, and read back as unsigned and as signed', () => {
    fc.assert(
      fc.property(value, (one) => {
        const writer = Writer.sized(sizeVarint64(one));
        writer.varint64(one);
        expect(writer.pos).toBe(writer.bytes.length);
        expect(writer.bytes.toString('hex')).toBe(reference(one));
        expect(new Reader(writer.bytes).uint64()).toBe(BigInt.asUintN(64, one));
        expect(new Reader(writer.bytes).int64()).toBe(BigInt.asIntN(64, one));
      }),
      { numRuns: 500 },
    );
  });
});
