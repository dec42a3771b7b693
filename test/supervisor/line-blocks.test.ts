import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputBytesMax, LineBlocks } from '../../src/supervisor/line-blocks.ts';
import { prefixLines } from '../../src/supervisor/line-format.ts';

function reference(block: Buffer, prefix: string): Buffer {
  return Buffer.from(prefixLines(block, prefix), 'latin1');
}

/** Writes blocks as an output does, giving pieces back `behind` pieces later. */
function write(blocks: LineBlocks, inputs: readonly Buffer[], prefix: string, behind = 0): Buffer {
  const written: Buffer[] = [];
  const lent: Buffer[] = [];
  const seal = (piece: Buffer) => {
    written.push(Buffer.from(piece));
    lent.push(piece);
    for (const old of lent.splice(0, Math.max(0, lent.length - behind))) blocks.giveBack(old);
  };
  for (const input of inputs) {
    const before = written.reduce((sum, piece) => sum + piece.length, 0);
    const result = blocks.add(input, prefix, seal);
    expect(result.taken).toBe(input.length);
    const rest = blocks.take();
    if (rest !== null) seal(rest);
    expect(written.reduce((sum, piece) => sum + piece.length, 0) - before).toBe(result.written);
  }
  return Buffer.concat(written);
}

describe('blocks of prefixed lines', () => {
  it('hold the bytes that replacing each newline would give, whatever the lines and where they begin', () => {
    const blocks = new LineBlocks();
    const line = fc.uint8Array({ maxLength: 40 });
    const input = fc
      .array(line, { minLength: 1, maxLength: 60 })
      .map((lines) => Buffer.concat(lines.flatMap((one) => [Buffer.from(one), Buffer.of(10)])));
    const prefix = fc.string({ minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text).toString('latin1'));
    fc.assert(
      fc.property(fc.array(input, { minLength: 1, maxLength: 8 }), prefix, fc.nat(5), (inputs, text, behind) => {
        const expected = Buffer.concat(inputs.map((one) => reference(one, text)));
        expect(write(blocks, inputs, text, behind).equals(expected)).toBe(true);
      }),
    );
  });

  it('cut between lines where a block is full, be they blank or as long as an input may be', () => {
    const long = Buffer.alloc(inputBytesMax, 'x');
    long[inputBytesMax - 1] = 10;
    const inputs = [Buffer.alloc(100_000, '\n'), long, Buffer.from('a\n'), long, Buffer.alloc(inputBytesMax, 'ab\n')];
    const prefix = '15:04:05 web | ';
    const expected = Buffer.concat(inputs.map((one) => reference(one, prefix)));
    expect(write(new LineBlocks(), inputs, prefix).equals(expected)).toBe(true);
  });

  it('refuse an input and a prefix that are too large', () => {
    const seal = () => {};
    expect(new LineBlocks().add(Buffer.alloc(inputBytesMax + 1, '\n'), 'a', seal).taken).toBe(0);
    expect(new LineBlocks().add(Buffer.from('a\n'), 'p'.repeat(1025), seal).taken).toBe(0);
    expect(new LineBlocks().add(Buffer.from('a\n'), 'p'.repeat(1024), seal).taken).toBe(2);
  });

  it('take no more than their memory, to a line, and go on when it is given back', () => {
    const blocks = new LineBlocks();
    const input = Buffer.from(`${'x'.repeat(99)}\n`.repeat(1_000));
    const pieces: Buffer[] = [];
    const seal = (piece: Buffer) => void pieces.push(piece);
    let taken = 0;
    let result = blocks.add(input, '| ', seal);
    for (; result.taken === input.length; result = blocks.add(input, '| ', seal)) taken += result.taken;
    taken += result.taken;
    expect(taken).toBeLessThan(8 * 1024 * 1024);
    expect(taken).toBeGreaterThan(6 * 1024 * 1024);
    const rest = blocks.take();
    if (rest !== null) seal(rest);
    const whole = Buffer.concat(Array.from({ length: Math.ceil(taken / input.length) }, () => input)).subarray(
      0,
      taken,
    );
    expect(Buffer.concat(pieces).equals(reference(whole, '| '))).toBe(true);
    for (const piece of pieces) blocks.giveBack(piece);
    expect(blocks.add(input, '| ', seal).taken).toBe(input.length);
  });
});
