import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputEvent } from '../../../src/ui/input/event.ts';
import { InputParser } from '../../../src/ui/input/parser.ts';

function keysOf(text: string): string[] {
  const parser = new InputParser();
  return [...parser.feed(text), ...parser.flush()].map((event) => (event.type === 'key' ? event.key : event.type));
}

describe('keys', () => {
  it.each([
    ['a', 'a'],
    ['A', 'A'],
    ['é', 'é'],
    [' ', 'space'],
    ['\r', 'enter'],
    ['\n', 'enter'],
    ['\t', 'tab'],
    ['\x7f', 'backspace'],
    ['\x03', 'ctrl-c'],
    ['\x10', 'ctrl-p'],
    ['\x1b', 'escape'],
    ['\x1b[A', 'up'],
    ['\x1bOA', 'up'],
    ['\x1b[1;5C', 'ctrl-right'],
    ['\x1b[1;4D', 'alt-shift-left'],
    ['\x1b[Z', 'shift-tab'],
    ['\x1b[H', 'home'],
    ['\x1b[4~', 'end'],
    ['\x1b[5~', 'page-up'],
    ['\x1bOP', 'f1'],
    ['\x1b[24~', 'f12'],
    ['\x1bx', 'alt-x'],
  ])('%j is %s', (text, key) => {
    expect(keysOf(text)).toEqual([key]);
  });

  it('of one chunk come in order', () => {
    expect(keysOf('k\x1b[B\x1b[Bq')).toEqual(['k', 'down', 'down', 'q']);
  });

  it('an escape key is told from a sequence by what follows it', () => {
    const parser = new InputParser();
    expect(parser.feed('\x1b')).toEqual([]);
    expect(parser.undecided).toBe(true);
    expect(parser.feed('[A')).toEqual([{ type: 'key', key: 'up', text: '' }]);
    expect(parser.undecided).toBe(false);
    parser.feed('\x1b');
    expect(parser.flush()).toEqual([{ type: 'key', key: 'escape', text: '' }]);
  });

  it('reports that nobody asked for are dropped', () => {
    expect(keysOf('\x1b[?1;2c\x1b[I\x1b[10;20Rx')).toEqual(['x']);
  });
});

describe('mouse reports', () => {
  const mouse = (text: string) => new InputParser().feed(text)[0];
  it.each([
    ['\x1b[<0;10;5M', { action: 'press', button: 'left', row: 4, column: 9 }],
    ['\x1b[<0;10;5m', { action: 'release', button: 'left', row: 4, column: 9 }],
    ['\x1b[<32;1;1M', { action: 'drag', button: 'left', row: 0, column: 0 }],
    ['\x1b[<2;300;200M', { action: 'press', button: 'right', row: 199, column: 299 }],
    ['\x1b[<64;3;4M', { action: 'wheel-up', button: 'none', row: 3, column: 2 }],
    ['\x1b[<65;3;4M', { action: 'wheel-down', button: 'none', row: 3, column: 2 }],
  ])('%j', (text, event) => {
    expect(mouse(text)).toEqual({ type: 'mouse', ...event });
  });
});

describe('paste', () => {
  it('is one event, whatever is in it', () => {
    const parser = new InputParser();
    expect(parser.feed('\x1b[200~q\x1b[Ak\r\n\x1b[201~x')).toEqual([
      { type: 'paste', text: 'q\x1b[Ak\r\n' },
      { type: 'key', key: 'x', text: 'x' },
    ]);
  });

  it('is cut off at 64 KiB', () => {
    const [event] = new InputParser().feed(`\x1b[200~${'x'.repeat(70_000)}\x1b[201~`);
    expect(event?.type === 'paste' ? event.text.length : 0).toBe(64 * 1024);
  });
});

it('gives the same events however the bytes are cut into chunks', () => {
  const piece = fc.constantFrom(
    'a',
    'é',
    ' ',
    '\x1b[A',
    '\x1b[1;5C',
    '\x1b[<0;1;2M',
    '\x1b[200~x\x1b[y\x1b[201~',
    '\x1bOP',
    '\r',
    '\x03',
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
      (pieces, sizes) => {
        const text = pieces.join('');
        const whole = new InputParser().feed(text);
        const parser = new InputParser();
        const events: InputEvent[] = [];
        let at = 0;
        for (const size of sizes) {
          if (at >= text.length) break;
          events.push(...parser.feed(text.slice(at, at + size)));
          at += size;
        }
        expect(events).toEqual(whole);
      },
    ),
  );
});
