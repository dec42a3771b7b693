import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, lineBytesMax } from '../../src/supervisor/line-splitter.ts';

function split(chunks: readonly Buffer[], splitter = new LineSplitter()): Buffer[] {
  const blocks = chunks.map((chunk) => splitter.push(chunk));
  return [...blocks, splitter.end()].filter((block) => block !== null);
}

describe('the line splitter', () => {
  it('gives the same bytes over any chunking, cut only after newlines', () => {
    const byte = fc.oneof({ weight: 1, arbitrary: fc.constant(10) }, { weight: 4, arbitrary: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(fc.array(byte, { maxLength: 20 }), { maxLength: 20 }), (parts) => {
        const chunks = parts.map((part) => Buffer.from(part));
        const whole = Buffer.concat(chunks);
        const blocks = split(chunks);
        const terminated = whole.length === 0 || whole.at(-1) === 10 ? whole : Buffer.concat([whole, Buffer.of(10)]);
        expect(Buffer.concat(blocks).equals(terminated)).toBe(true);
        for (const block of blocks) expect(block.at(-1)).toBe(10);
      }),
    );
  });

  it('gives the same from one piece of memory that each chunk is read into, with room in front or not', () => {
    const part = fc.array(fc.oneof({ weight: 1, arbitrary: fc.constant(10) }, fc.nat(255)), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), fc.nat(30), (parts, headroom) => {
        const memory = Buffer.alloc(headroom + 20);
        const splitter = new LineSplitter(lineBytesMax, headroom);
        const blocks: Buffer[] = [];
        for (const bytes of parts) {
          Buffer.from(bytes).copy(memory, headroom);
          const block = splitter.push(memory.subarray(headroom, headroom + bytes.length));
          if (block !== null) blocks.push(Buffer.from(block));
        }
        const end = splitter.end();
        if (end !== null) blocks.push(end);
        const expected = split(parts.map((bytes) => Buffer.from(bytes)));
        expect(Buffer.concat(blocks).equals(Buffer.concat(expected))).toBe(true);
      }),
    );
  });

  it('keeps blank lines and an unterminated last line', () => {
    const chunks = [Buffer.from('\n\na'), Buffer.from('b\nc')];
    expect(split(chunks).map(String)).toEqual(['\n\n', 'ab\n', 'c\n']);
  });

  it('hands on a line of the maximal size whole, and a longer one in pieces', () => {
    const max = 8;
    expect(lineBytesMax).toBeGreaterThan(1024 * 1024);
    expect(split([Buffer.from('1234567'), Buffer.from('\n')], new LineSplitter(max)).map(String)).toEqual([
      '1234567\n',
    ]);
    expect(split([Buffer.from('12345678'), Buffer.from('9\n')], new LineSplitter(max)).map(String)).toEqual([
      '12345678\n',
      '9\n',
    ]);
  });
});
