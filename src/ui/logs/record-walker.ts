/**
 * Goes through the lines of a history file from any of them on, reading pieces into a buffer that the caller lends: whatever the
 * length of the file, no line becomes a string and nothing is kept. Hot path: runs over every byte of the history.
 */
import { readSync } from 'node:fs';
import type { HistoryStream } from '../../supervisor/history-format.ts';
import { headerBytesMax, parseHeader } from '../../supervisor/history-format.ts';

const newline = 0x0a;

/** Where a walk stands: what it must know to go on there. A mark of it can be kept for each page of lines. */
export interface WalkPosition {
  /** Of the next byte that has not been walked. */
  offset: number;
  /** Bytes of the current record's block that are left; 0: a header follows; -1: so does the rest of a damaged line. */
  remaining: number;
  /** Of the current record. */
  timeMs: number;
  /** The latest of all records so far: what lines are ordered by, because a clock may be set back. */
  orderMs: number;
  stream: HistoryStream;
}

/**
 * A line without its newline is `bytes` from `from` to `to`, but of one that is longer than the buffer only the beginning; it
 * starts at `offset` of the file and has `length` bytes. `bytes` is the caller's buffer: it changes after the call. Of `position`,
 * `remaining` and what is said of the record are those at the beginning of this line.
 */
export type VisitLine = (
  bytes: Buffer,
  from: number,
  to: number,
  offset: number,
  length: number,
  position: WalkPosition,
) => void;

export function startPosition(orderMs: number): WalkPosition {
  return { offset: 0, remaining: 0, timeMs: 0, orderMs, stream: 'o' };
}

/**
 * Visits at most `linesMax` lines from `position` on, which is moved, of the records that end within the first `size` bytes of the
 * file. Reads once, or as often as a line longer than the buffer takes. Answers how many; with 0 the walk is at its end.
 */
export function walkLines(
  descriptor: number,
  position: WalkPosition,
  size: number,
  linesMax: number,
  buffer: Buffer,
  visit: VisitLine,
): number {
  for (;;) {
    const wanted = Math.min(buffer.length, size - position.offset);
    if (wanted <= 0 || linesMax <= 0) return 0;
    const read = readSync(descriptor, buffer, 0, wanted, position.offset);
    if (read === 0) return 0;
    const before = position.offset;
    const visited = walkBytes(buffer.subarray(0, read), position, size, linesMax, visit);
    if (visited > 0) return visited;
    if (position.offset > before) continue; // only headers and damage so far
    if (position.remaining <= 0 || read < buffer.length) return 0; // a record that is still being written
    visitLongLine(descriptor, position, buffer, visit);
    return 1;
  }
}

function walkBytes(bytes: Buffer, position: WalkPosition, size: number, linesMax: number, visit: VisitLine): number {
  const base = position.offset;
  let at = 0;
  let lines = 0;
  while (at < bytes.length && lines < linesMax) {
    const end = bytes.indexOf(newline, at);
    if (position.remaining <= 0) {
      if (end < 0) {
        // A beginning that may yet become a header is looked at again.
        if (position.remaining < 0 || bytes.length - at > headerBytesMax) {
          position.remaining = -1;
          at = bytes.length;
        }
        break;
      }
      const header =
        position.remaining < 0 || end - at > headerBytesMax ? null : parseHeader(bytes.toString('latin1', at, end));
      if (header === null) position.remaining = 0;
      else {
        if (base + end + 1 + header.blockBytes > size) break;
        position.remaining = header.blockBytes;
        position.timeMs = header.timeMs;
        position.orderMs = Math.max(position.orderMs, header.timeMs);
        position.stream = header.stream;
      }
      at = end + 1;
      continue;
    }
    const blockEnd = at + position.remaining;
    const to = end < 0 || end >= blockEnd ? blockEnd : end;
    if (to > bytes.length) break;
    visit(bytes, at, to, base + at, to - at, position);
    lines++;
    const taken = Math.min(to + 1, blockEnd) - at;
    position.remaining -= taken;
    at += taken;
  }
  position.offset = base + at;
  return lines;
}

/** The buffer must hold a header at least. */
export const walkBufferMin = 2 * headerBytesMax;

/** The buffer is full with the beginning of the line. */
function visitLongLine(descriptor: number, position: WalkPosition, buffer: Buffer, visit: VisitLine): void {
  const piece = Buffer.allocUnsafe(pieceBytes);
  let length = buffer.length;
  let hasNewline = false;
  while (!hasNewline && length < position.remaining) {
    const wanted = Math.min(piece.length, position.remaining - length);
    const read = readSync(descriptor, piece, 0, wanted, position.offset + length);
    if (read === 0) break;
    const end = piece.subarray(0, read).indexOf(newline);
    hasNewline = end >= 0;
    length += hasNewline ? end : read;
  }
  visit(buffer, 0, buffer.length, position.offset, length, position);
  const taken = hasNewline ? length + 1 : length;
  position.remaining -= taken;
  position.offset += taken;
}

const pieceBytes = 256 * 1024;
