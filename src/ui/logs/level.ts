/**
 * The level of a log line from its first bytes, without parsing it: that is done for every line, parsing only for those on the
 * screen. Knows zap's JSON and console forms and etcd 3.4's own (capnslog, and raft beneath it). Pure but for Buffer.
 */

/** `unknown`: a line that states a level, but not one of these; no filter hides it. `note`: the supervisor speaks; none hides it either. */
export type Level = 'debug' | 'info' | 'warn' | 'error' | 'unknown' | 'note';

/** What a filter by level lets through: this level and the graver ones. */
export type LevelFilter = 'all' | 'info' | 'warn' | 'error';

export const levelFilters: readonly LevelFilter[] = ['all', 'info', 'warn', 'error'];

/** In rising order; A filter shows the lines whose grade is at least its own. */
const grades: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3, unknown: 4, note: 4 };

/** How grave a level is, as a number. */
export function gradeOf(level: Level): number {
  return grades[level];
}

const zapStart = Buffer.from('{"level":"');
const zapKey = '"level":"';
/** How far into a JSON line its level is looked for, if it is not the first key. */
const keySearchBytes = 256;

/** The level of the line at `from` up to `to`, without its newline. A line that states none is `info`. */
export function levelOf(bytes: Buffer, from: number, to: number): Level {
  const first = bytes[from] ?? 0;
  if (first === 0x7b) return jsonLevel(bytes, from, to);
  if (first >= 0x30 && first <= 0x39) return datedLevel(bytes, from, to);
  if (first === 0x72) return raftLevel(bytes, from, to);
  return 'info';
}

function jsonLevel(bytes: Buffer, from: number, to: number): Level {
  let at = 1;
  while (at < zapStart.length && bytes[from + at] === zapStart[at]) at++;
  if (at === zapStart.length) return wordLevel(bytes, from + at, to, 0x22);
  const head = bytes.toString('latin1', from, Math.min(to, from + keySearchBytes));
  const key = head.indexOf(zapKey);
  return key < 0 ? 'info' : wordLevel(bytes, from + key + zapKey.length, to, 0x22);
}

/** `2026-11-22T06:47:53.756204Z⇥warn⇥…` of zap's console form, `2026-11-22 06:48:44.307393 I | …` of capnslog. */
function datedLevel(bytes: Buffer, from: number, to: number): Level {
  if (bytes[from + 4] !== 0x2d) return 'info';
  if (bytes[from + 10] === 0x20) {
    const isCapnslog = bytes[from + 26] === 0x20 && bytes[from + 28] === 0x20 && bytes[from + 29] === 0x7c;
    return isCapnslog && from + 29 < to ? letterLevel(bytes[from + 27] ?? 0) : 'info';
  }
  const limit = Math.min(to, from + 40);
  for (let at = from + 11; at < limit; at++) if (bytes[at] === 0x09) return wordLevel(bytes, at + 1, to, 0x09);
  return 'info';
}

function letterLevel(letter: number): Level {
  if (letter === 0x44) return 'debug';
  if (letter === 0x49 || letter === 0x4e) return 'info';
  if (letter === 0x57) return 'warn';
  return letter === 0x45 || letter === 0x43 ? 'error' : 'unknown';
}

/** `raft2026/11/22 06:48:46 INFO: …` */
function raftLevel(bytes: Buffer, from: number, to: number): Level {
  if (bytes[from + 4] !== 0x32 || bytes[from + 8] !== 0x2f || bytes[from + 23] !== 0x20) return 'info';
  return wordLevel(bytes, from + 24, to, 0x3a);
}

/** The word at `from` that `closing` ends; another end, and it is no level. */
function wordLevel(bytes: Buffer, from: number, to: number, closing: number): Level {
  let end = from;
  while (end < to && end - from <= wordBytesMax && bytes[end] !== closing) end++;
  if (end >= to || end - from > wordBytesMax) return 'unknown';
  return levelWords[end - from]?.get(initials(bytes, from)) ?? 'unknown';
}

/** The first four bytes, in lower case, as a number. */
function initials(bytes: Buffer, from: number): number {
  return (
    ((bytes[from] ?? 0) << 24) |
    ((bytes[from + 1] ?? 0) << 16) |
    ((bytes[from + 2] ?? 0) << 8) |
    (bytes[from + 3] ?? 0) |
    0x20202020
  );
}

const wordBytesMax = 7;

/** By length, then by initials: each of the words is told from the others by these. */
const levelWords: readonly ReadonlyMap<number, Level>[] = (() => {
  const words: Readonly<Record<string, Level>> = {
    debug: 'debug',
    info: 'info',
    warn: 'warn',
    warning: 'warn',
    error: 'error',
    dpanic: 'error',
    panic: 'error',
    fatal: 'error',
  };
  const byLength = Array.from({ length: wordBytesMax + 1 }, () => new Map<number, Level>());
  for (const [word, level] of Object.entries(words)) byLength[word.length]?.set(initials(Buffer.from(word), 0), level);
  return byLength;
})();
