/**
 * The log history of one process as a file of records: a header line, then the bytes as the process wrote them. Whole blocks
 * of lines are one record, so that writing costs no work per line. Pure but for Buffer.
 *
 *   #1795338000123 o 42\n   followed by 42 bytes that end with a newline
 */

/** `o`: standard output, `e`: standard error, `n`: a note of the supervisor. */
export type HistoryStream = 'o' | 'e' | 'n';

export interface HistoryRecord {
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly stream: HistoryStream;
  /** One or more lines, each with its newline. */
  readonly block: Buffer;
}

/** What stands before a block of so many bytes. */
export function headerText(timeMs: number, stream: HistoryStream, blockBytes: number): string {
  return `#${timeMs} ${stream} ${blockBytes}\n`;
}

/** No header is longer, its newline not counted; what claims to be is damage. */
export const headerBytesMax = 64;

/**
 * The whole records at the start of `bytes`, and how many bytes they take; the rest has not been written to its end yet. After
 * damage it goes on at the next line that is a header.
 */
export function decodeRecords(bytes: Buffer): { readonly records: readonly HistoryRecord[]; readonly taken: number } {
  const records: HistoryRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) break;
    const header = end - at > headerBytesMax ? null : parseHeader(bytes.toString('latin1', at, end));
    if (header === null) {
      at = end + 1;
      continue;
    }
    const from = end + 1;
    if (from + header.blockBytes > bytes.length) break;
    const block = bytes.subarray(from, from + header.blockBytes);
    records.push({ timeMs: header.timeMs, stream: header.stream, block });
    at = from + header.blockBytes;
  }
  return { records, taken: at };
}

/** What a header without its newline says; null if it is none. */
export function parseHeader(line: string): { timeMs: number; stream: HistoryStream; blockBytes: number } | null {
  const [, time, stream, size] = /^#(\d{1,15}) ([oen]) (\d{1,9})$/.exec(line) ?? [];
  if (time === undefined || size === undefined) return null;
  return { timeMs: Number(time), stream: stream === 'e' ? 'e' : stream === 'n' ? 'n' : 'o', blockBytes: Number(size) };
}
