import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { overlayRow, plainText, sliceRow, visibleWidth } from '../../../src/ui/terminal/ansi.ts';
import { Painter } from '../../../src/ui/terminal/painter.ts';

describe('rows', () => {
  it('are as wide as what is seen of them', () => {
    expect(visibleWidth('\x1b[1;38;5;221m★ leader\x1b[0m')).toBe(8);
    expect(visibleWidth('漢字')).toBe(4);
  });

  it('keep the style of the part that is cut out', () => {
    expect(sliceRow('ab\x1b[31mcdef\x1b[0mgh', 3, 7)).toBe('\x1b[31mdef\x1b[0mg\x1b[0m');
    expect(sliceRow('\x1b[1m\x1b[31mabc', 1, 2)).toBe('\x1b[1m\x1b[31mb\x1b[0m');
  });

  it('show a space where a wide character is cut in half', () => {
    expect(plainText(sliceRow('a漢b', 0, 2))).toBe('a ');
    expect(plainText(sliceRow('a漢b', 2, 4))).toBe(' b');
  });

  it('have what is laid over them at its place', () => {
    expect(plainText(overlayRow('abcdefgh', 'XY', 3, 2, 8))).toBe('abcXYfgh');
    expect(plainText(overlayRow('ab', 'XY', 3, 3, 8))).toBe('ab XY   ');
  });

  it('are cut so that the parts make the whole', () => {
    const character = fc.constantFrom('a', '漢', '\x1b[31m', '\x1b[0m', '★', ' ');
    fc.assert(
      fc.property(fc.array(character, { maxLength: 30 }), fc.nat(40), (pieces, at) => {
        const row = pieces.join('');
        const width = visibleWidth(row);
        const parts = visibleWidth(sliceRow(row, 0, at)) + visibleWidth(sliceRow(row, at, width));
        expect(parts).toBe(width);
      }),
    );
  });
});

describe('the painter', () => {
  it('sends the first frame whole and then only rows that differ', () => {
    const painter = new Painter();
    const first = painter.paint(['one', 'two', 'three'], 10);
    expect(first).toContain('\x1b[2J');
    expect(first).toContain('two');
    expect(painter.paint(['one', 'two', 'three'], 10)).toBe('');
    const next = painter.paint(['one', 'TWO', 'three'], 10);
    expect(next).toBe('\x1b[?2026h\x1b[2;1H\x1b[0mTWO\x1b[0m\x1b[K\x1b[?2026l');
  });

  it('does not erase after a row that reaches the last column', () => {
    const painter = new Painter();
    painter.paint(['12345', 'x'], 5);
    expect(painter.paint(['54321', 'x'], 5)).not.toContain('\x1b[K');
  });

  it('sends everything after a resize, and after it was told to forget', () => {
    const painter = new Painter();
    painter.paint(['one', 'two'], 10);
    expect(painter.paint(['one', 'two'], 9)).toContain('one');
    painter.forget();
    expect(painter.paint(['one', 'two'], 9)).toContain('\x1b[2J');
  });
});
