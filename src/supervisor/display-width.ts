/** How many columns a text takes on a terminal: names are aligned by what is seen, not by bytes or characters. Pure. */

/** Combining marks, joiners and variation selectors take no column of their own. */
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

const ascii = /^[\x20-\x7e]*$/;

/** East Asian wide and fullwidth blocks, and emoji: first and last code point of each run (Unicode TR11, abridged). */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

/** Columns that `text` takes. It must hold no control characters. */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (zeroWidth.test(character)) continue;
    const code = character.codePointAt(0) ?? 0;
    width += wideRanges.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
  }
  return width;
}
