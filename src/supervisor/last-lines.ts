/** The end of a block of whole lines. Pure but for Buffer. */

/** The last `count` lines; all, if there are no more. */
export function lastLines(bytes: Buffer, count: number): Buffer {
  let from = bytes.length;
  for (let left = count + 1; left > 0; left--) {
    const newline = from === 0 ? -1 : bytes.lastIndexOf(0x0a, from - 1);
    if (newline < 0) return bytes;
    from = newline;
  }
  return bytes.subarray(from + 1);
}
