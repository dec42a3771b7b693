import { describe, expect, it } from 'vitest';
import { HeldOutput } from '../../src/supervisor/held-output.ts';
import { lastLines } from '../../src/supervisor/last-lines.ts';

describe('the last lines of a block', () => {
  it.each([
    ['a\nb\nc\n', 2, 'b\nc\n'],
    ['a\nb\nc\n', 3, 'a\nb\nc\n'],
    ['a\n', 10, 'a\n'],
    ['\n\n\n', 1, '\n'],
    ['a\nb\n', 0, ''],
    ['', 3, ''],
  ])('%j, %i: %j', (text, count, expected) => {
    expect(lastLines(Buffer.from(text), count).toString()).toBe(expected);
  });
});

describe('held output', () => {
  it('takes any amount, and says that the ends of blocks are enough', async () => {
    const held = new HeldOutput(10);
    expect(held.output.linesWanted).toBe(10);
    for (let at = 0; at < 200; at++) held.output.write(Buffer.alloc(64 * 1024, 0x0a));
    await held.output.flush(1_000);
  });
});
