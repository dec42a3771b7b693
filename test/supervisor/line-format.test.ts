import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containedText, linePrefix, prefixLines, prefixLinesForTerminal } from '../../src/supervisor/line-format.ts';
import { eventRecord, lineRecords } from '../../src/supervisor/ndjson-format.ts';

const plain = { colour: false, timestamps: true, nameWidth: 4 };

function contained(line: string): string {
  return Buffer.from(prefixLinesForTerminal(Buffer.from(`${line}\n`), '| '), 'latin1').toString();
}

describe('a prefix', () => {
  it('is the time and the name, aligned right by what is seen', () => {
    expect(Buffer.from(linePrefix('ünï', 0, '15:04:05', plain), 'latin1').toString()).toBe('15:04:05  ünï | ');
    expect(linePrefix('web', 0, '15:04:05', { ...plain, timestamps: false })).toBe(' web | ');
  });
  it('has the colours of goreman, in its order', () => {
    const codes = [0, 1, 2, 3, 4, 5, 6].map((index) =>
      linePrefix('a', index, '', { ...plain, colour: true }).slice(2, 4),
    );
    expect(codes).toEqual(['32', '36', '35', '33', '34', '31', '32']);
    expect(linePrefix('a', 0, '15:04:05', { colour: true, timestamps: true, nameWidth: 1 })).toBe(
      '\x1b[32m15:04:05 a | \x1b[m',
    );
  });
});

describe('lines', () => {
  it('get the prefix as it is, also with a dollar in a name', () => {
    expect(prefixLines(Buffer.from('1\n2\n'), '$& $$ | ')).toBe('$& $$ | 1\n$& $$ | 2\n');
  });
  it('get their prefix, and keep every byte', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        const lines = parts.map((part) => Buffer.from(part.map((byte) => (byte === 10 ? 11 : byte))));
        const block = Buffer.concat(lines.flatMap((line) => [line, Buffer.of(10)]));
        const expected = Buffer.concat(lines.flatMap((line) => [Buffer.from('ü| '), line, Buffer.of(10)]));
        if (lines.length > 0)
          expect(
            Buffer.from(prefixLines(block, Buffer.from('ü| ').toString('latin1')), 'latin1').equals(expected),
          ).toBe(true);
      }),
    );
  });
});

describe('records', () => {
  const head = { time: new Date(0), monotonicMs: 1.23456, process: 'w"eb' };
  const begin = '{"time":"1970-01-01T00:00:00.000Z","monotonicMs":1.235,"process":"w\\"eb"';

  it('hold each line of a block, and its bytes if they are no text', () => {
    const block = Buffer.concat([Buffer.from('a\n\n\ufffd\n'), Buffer.of(0xff, 0x0a)]);
    expect(lineRecords(block, head, 7, 'stderr').toString().trimEnd().split('\n')).toEqual([
      `${begin},"pid":7,"stream":"stderr","line":"a"}`,
      `${begin},"pid":7,"stream":"stderr","line":""}`,
      `${begin},"pid":7,"stream":"stderr","line":"\ufffd"}`,
      `${begin},"pid":7,"stream":"stderr","line":"\ufffd","base64":"/w=="}`,
    ]);
  });

  it('hold what happened, for people and for programs', () => {
    expect(eventRecord('exited with code 3', head, { type: 'exited', code: 3, signal: null }).toString()).toBe(
      `${begin},"event":"exited","code":3,"signal":null,"text":"exited with code 3"}\n`,
    );
  });
});

describe('on a terminal, a line', () => {
  it.each([
    ['plain text ünï\ttab', '| plain text ünï\ttab\n'],
    ['\x1b[31mred\x1b[0m \x1b[1mbold', '| \x1b[31mred\x1b[0m \x1b[1mbold\x1b[m\n'],
    ['clear\x1b[2Jx\x1b[H', '| clearx\n'],
    ['title\x1b]0;gone\x07x', '| titlex\n'],
    ['link \x1b]8;;http://x\x1b\\text', '| link text\n'],
    ['cut \x1b]0;never ends', '| cut \n'],
    ['bell\x07 nul\0', '| bell^G nul^@\n'],
    ['save\x1b7 reset\x1bc charset\x1b(0', '| save reset charset\n'],
    ['windows\r', '| windows\n'],
    ['1\r2\r', '| 1\x1b[m\r\x1b[K| 2\n'],
    ['half \x1b', '| half \n'],
    ['c1 \x9b2Jclear \x9d0;title\x9ctext\x85 \x90dcs\x07.', '| c1 clear text .\n'],
  ])('%j is contained', (line, shown) => {
    expect(contained(line)).toBe(shown);
    if (!line.includes('\r')) expect(`| ${containedText(line)}\n`).toBe(shown);
  });
});
