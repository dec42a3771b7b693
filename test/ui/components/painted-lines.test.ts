import { describe, expect, it } from 'vitest';
import { PaintedLines } from '../../../src/ui/components/painted-lines.ts';

describe('PaintedLines', () => {
  it('puts each line in the place of its mark and of the blanks that it covers', () => {
    const lines = new PaintedLines();
    const one = lines.mark('\x1b[1mbold\x1b[0m');
    const two = lines.mark('節');
    expect(lines.fill(`│ ${one}      │`)).toBe('│ \x1b[1mbold\x1b[0m   │');
    expect(lines.fill(`│ ${two}      │`)).toBe('│ 節     │');
  });

  it('needs no blanks at the end of a row', () => {
    const lines = new PaintedLines();
    expect(lines.fill(lines.mark('to the end'))).toBe('to the end');
  });

  it('leaves a blank for a line without any columns', () => {
    const lines = new PaintedLines();
    expect(lines.fill(`│${lines.mark('')} │`)).toBe('│  │');
  });

  it('does not take what a line says for a mark', () => {
    const lines = new PaintedLines();
    const [one, two] = [lines.mark('\ue001 $& $1'), lines.mark('two')];
    expect([lines.fill(one), lines.fill(two)]).toEqual(['\ue001 $& $1', 'two']);
  });
});
