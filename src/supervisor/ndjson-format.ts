/** The log as one JSON object a line, for programs: lines of processes, and what the supervisor does. Pure but for Buffer. */
import { eventText } from './observe/event-text.ts';
import type { RunEvent } from './observe/model.ts';
import type { Exit } from './process-machine.ts';

/** What happened to a process, beside the text that people read of it. */
export type LogEvent =
  | { readonly type: 'starting' }
  | ({ readonly type: 'exited' } & Exit)
  /** Its ready check has succeeded for the first time since it started, so many milliseconds ago. */
  | { readonly type: 'process-ready'; readonly afterMs: number }
  /** It was ready, and its check fails now. */
  | { readonly type: 'process-unready'; readonly reason: string }
  /** Its check succeeds again, so many milliseconds later. */
  | { readonly type: 'process-ready-again'; readonly afterMs: number }
  /** Its restart policy starts it again after a delay. */
  | { readonly type: 'restarting'; readonly delayMs: number }
  /** Anything else that is said about it. */
  | { readonly type: 'note' };

/** Fields that all records of a moment and a process have. */
export interface RecordHead {
  readonly time: Date;
  /** On a clock that never goes back, from the start of the run; null, and left out, where only that run knew it. */
  readonly monotonicMs: number | null;
  readonly process: string;
}

/**
 * One record for each line of a block:
 * `{"time":"…","monotonicMs":12.3,"process":"web","pid":7,"stream":"stdout","line":"hello"}`.
 * A line that is not UTF-8 has `base64` too, its bytes as they were. A `pid` of null is left out.
 */
export function lineRecords(block: Buffer, head: RecordHead, pid: number | null, stream: 'stdout' | 'stderr'): Buffer {
  const prefix = `${headJson(head)}${pid === null ? '' : `,"pid":${pid}`},"stream":"${stream}"`;
  const records: string[] = [];
  for (let from = 0; from < block.length; ) {
    const end = block.indexOf(0x0a, from);
    const bytes = block.subarray(from, end < 0 ? block.length : end);
    from += bytes.length + 1;
    const line = bytes.toString('utf8');
    const lossy = line.includes('\ufffd') && !Buffer.from(line, 'utf8').equals(bytes);
    const raw = lossy ? `,"base64":"${bytes.toString('base64')}"` : '';
    records.push(`${prefix},"line":${JSON.stringify(line)}${raw}}\n`);
  }
  return Buffer.from(records.join(''));
}

/** `{"time":"…","monotonicMs":12.3,"process":"web","event":"exited","code":0,"signal":null,"text":"exited with code 0"}`. */
export function eventRecord(text: string, head: RecordHead, event: LogEvent): Buffer {
  const { type, ...fields } = event;
  const more = JSON.stringify({ event: type, ...fields, text }).slice(1);
  return Buffer.from(`${headJson(head)},${more}\n`);
}

/**
 * `{"time":"…","monotonicMs":12.3,"event":"leader-changed","cluster":"…","from":"etcd1",…,"text":"…"}`: of no single process. Without
 * `monotonicMs` if that is null: another process does not know it.
 */
export function runEventRecord(event: RunEvent, monotonicMs: number | null): Buffer {
  const { type, atMs, ...fields } = event;
  const time = new Date(atMs).toISOString();
  const head = monotonicMs === null ? { time } : { time, monotonicMs: rounded(monotonicMs) };
  return Buffer.from(`${JSON.stringify({ ...head, event: type, ...fields, text: eventText(event) })}\n`);
}

/** The beginning of a record, up to where more fields go. */
function headJson({ time, monotonicMs, process }: RecordHead): string {
  const clock = monotonicMs === null ? {} : { monotonicMs: rounded(monotonicMs) };
  return JSON.stringify({ time: time.toISOString(), ...clock, process }).slice(0, -1);
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
