/** The leadership timeline: a lane for each member, marks for elections and faults on the same axis, and what happened in words. Pure. */

import { displayWidth } from '../../supervisor/display-width.ts';
import type { Observation, ProcessFacts, RunEvent } from '../../supervisor/observe/model.ts';
import type { StyleName } from '../theme.ts';
import { processStyle } from '../theme.ts';
import { clockMsText, clockText, durationText, latencyText } from './format.ts';
import type { Interval, Lane, NameOf } from './leadership.ts';
import { lanesOf, namesIn } from './leadership.ts';
import type { Line, Span } from './line.ts';
import { clipLine, padTo, printable, span, spread } from './line.ts';

/** How much of the run is shown at once; null: all of it. */
export const zoomLevels: readonly (number | null)[] = [
  10_000,
  30_000,
  60_000,
  300_000,
  900_000,
  3_600_000,
  21_600_000,
  null,
];
export const defaultZoom = 2;

export interface TimelineWindow {
  /** An index into the zoom levels. */
  readonly zoom: number;
  /** The right end in Unix ms; null: now. */
  readonly endMs: number | null;
}

export interface TimelineView {
  /** For the title: `1m00s, live`. */
  readonly range: string;
  readonly lines: readonly Line[];
}

/** Of the whole run at most, and never an empty one. */
export function windowOf({ zoom, endMs }: TimelineWindow, { startedMs, atMs }: Observation): Interval {
  const spanMs = zoomLevels[zoom] ?? Math.max(1_000, atMs - startedMs);
  const toMs = Math.max(Math.min(endMs ?? atMs, atMs), startedMs + Math.min(spanMs, Math.max(1, atMs - startedMs)));
  return { fromMs: toMs - spanMs, toMs };
}

/** `offsetMinutes`: local time minus UTC. */
export function timelineView(
  observation: Observation,
  window: TimelineWindow,
  size: { readonly width: number; readonly height: number },
  offsetMinutes: number,
): TimelineView {
  const { width, height } = size;
  const shown = windowOf(window, observation);
  const members = observation.processes.filter((one) => one.member !== null);
  const lanes = lanesOf(observation.events, namesIn(observation));
  const range = `${durationText(shown.toMs - shown.fromMs)}${window.endMs === null ? '' : `, to ${clockText(shown.toMs, offsetMinutes)}`}`;
  const labelWidth = Math.min(12, Math.max(4, ...members.map((one) => displayWidth(one.name)))) + 1;
  const axis: Axis = { ...shown, columns: Math.max(1, width - labelWidth - 1), startedMs: observation.startedMs };
  const full = height > members.length && members.length > 0;
  const drawn = full
    ? members.map((one) => laneLine(one, lanes.get(one.name), axis, labelWidth))
    : height > 1 && members.length > 0
      ? [stripLine(members, lanes, axis, labelWidth)]
      : [];
  let left = height - drawn.length - 1;
  const marks = left > 0 ? [marksLine(observation.events, axis, labelWidth)] : [];
  left -= marks.length;
  const scale = left > 0 && full ? [axisLine(axis, labelWidth, offsetMinutes, window.endMs === null)] : [];
  left -= scale.length;
  const said = eventLines(observation, shown, 1 + Math.max(0, left), offsetMinutes);
  return {
    range,
    lines: [...drawn, ...marks, ...scale, ...said].slice(0, height).map((line) => clipLine(line, width)),
  };
}

interface Axis extends Interval {
  readonly columns: number;
  readonly startedMs: number;
}

function columnOf(atMs: number, axis: Axis): number {
  return Math.floor(((atMs - axis.fromMs) / (axis.toMs - axis.fromMs)) * axis.columns);
}

/** True for each column that one of the intervals touches, however short it is. */
function covered(intervals: readonly Interval[], axis: Axis): boolean[] {
  const columns = new Array<boolean>(axis.columns).fill(false);
  for (const { fromMs, toMs } of intervals) {
    if (toMs < axis.fromMs || fromMs >= axis.toMs) continue;
    const first = Math.max(0, columnOf(fromMs, axis));
    const last = toMs === Number.POSITIVE_INFINITY ? axis.columns - 1 : columnOf(Math.max(fromMs, toMs - 1), axis);
    columns.fill(true, first, Math.max(first, Math.min(last, axis.columns - 1)) + 1);
  }
  return columns;
}

function laneLine(process: ProcessFacts, lane: Lane | undefined, axis: Axis, labelWidth: number): Line {
  const leads = covered(lane?.leads ?? [], axis);
  const down = covered(lane?.down ?? [], axis);
  const faulted = covered(lane?.faulted ?? [], axis);
  const born = columnOf(axis.startedMs, axis);
  const cells = leads.map((isLeading, column): Cell => {
    if (column < born) return [' ', 'text'];
    if (isLeading) return faulted[column] === true ? ['▓', 'fault'] : ['█', processStyle(process.colourIndex)];
    if (down[column] === true) return ['×', 'bad'];
    return faulted[column] === true ? ['░', 'fault'] : ['─', 'dim'];
  });
  return [span(padTo(printable(process.name), labelWidth), processStyle(process.colourIndex)), ...joined(cells)];
}

/** One lane for all: the number of the member that leads, counted from 1 in the order of the table. */
function stripLine(
  members: readonly ProcessFacts[],
  lanes: ReadonlyMap<string, Lane>,
  axis: Axis,
  labelWidth: number,
): Line {
  const born = columnOf(axis.startedMs, axis);
  const cells: Cell[] = Array.from({ length: axis.columns }, (_, column) =>
    column < born ? [' ', 'text'] : ['─', 'dim'],
  );
  for (const [index, member] of members.entries()) {
    for (const [column, isLeading] of covered(lanes.get(member.name)?.leads ?? [], axis).entries()) {
      if (isLeading) cells[column] = [String((index + 1) % 10), processStyle(member.colourIndex)];
    }
  }
  return [span(padTo('leads', labelWidth), 'dim'), ...joined(cells)];
}

/** The sign of what happened; where several things fall on one column the first of this list shows. */
const marks: readonly { readonly type: RunEvent['type']; readonly sign: string; readonly style: StyleName }[] = [
  { type: 'fault-injected', sign: '!', style: 'fault' },
  { type: 'fault-healed', sign: '+', style: 'good' },
  { type: 'leader-changed', sign: '★', style: 'leader' },
  { type: 'leader-lost', sign: '∘', style: 'bad' },
  { type: 'election', sign: '▲', style: 'warn' },
  { type: 'member-exited', sign: '×', style: 'bad' },
  { type: 'member-started', sign: '↑', style: 'good' },
];

function marksLine(events: readonly RunEvent[], axis: Axis, labelWidth: number): Line {
  const ranks = new Map<number, number>();
  for (const event of events) {
    if (event.atMs < axis.fromMs || event.atMs > axis.toMs) continue;
    const rank = marks.findIndex((mark) => mark.type === event.type);
    const column = Math.min(axis.columns - 1, columnOf(event.atMs, axis));
    if (rank >= 0) ranks.set(column, Math.min(rank, ranks.get(column) ?? rank));
  }
  const cells = Array.from({ length: axis.columns }, (_, column): Cell => {
    const mark = marks[ranks.get(column) ?? -1];
    return mark === undefined ? [' ', 'text'] : [mark.sign, mark.style];
  });
  return [span(padTo('', labelWidth)), ...joined(cells)];
}

function axisLine(axis: Axis, labelWidth: number, offsetMinutes: number, isLive: boolean): Line {
  const start = clockText(axis.fromMs, offsetMinutes);
  const end = isLive ? 'now' : clockText(axis.toMs, offsetMinutes);
  return [span(padTo('', labelWidth)), ...spread([span(`└${start}`, 'dim')], [span(`${end}┘`, 'dim')], axis.columns)];
}

type Cell = readonly [text: string, style: StyleName];

function joined(cells: readonly Cell[]): Span[] {
  const spans: { text: string; style: StyleName }[] = [];
  for (const [text, style] of cells) {
    const last = spans.at(-1);
    if (last !== undefined && last.style === style) last.text += text;
    else spans.push({ text, style });
  }
  return spans;
}

/** With fewer rows than these for events, those that say how something came about are left out. */
const rowsForAll = 4;

/** The last of those up to the end of the window, the youngest first. */
function eventLines(observation: Observation, shown: Interval, count: number, offsetMinutes: number): Line[] {
  const lines: Line[] = [];
  const { events } = observation;
  const nameOf = namesIn(observation);
  const led = new Set<string>();
  for (let at = events.length - 1; at >= 0 && lines.length < count; at--) {
    const event = events[at];
    if (event === undefined || event.atMs > shown.toMs) continue;
    if (count < rowsForAll && isDetail(event, led)) continue;
    if (event.type === 'leader-changed') led.add(event.cluster);
    lines.push([span(`${clockMsText(event.atMs, offsetMinutes)} `, 'dim'), ...eventSpans(event, nameOf)]);
  }
  return lines;
}

/** `led`: the clusters that are known to have had a leader afterwards. */
function isDetail(event: RunEvent, led: ReadonlySet<string>): boolean {
  switch (event.type) {
    case 'election':
    case 'fault-effective':
      return true;
    case 'leader-lost':
      return led.has(event.cluster);
    default:
      return false;
  }
}

/** What happened, as a sentence. */
export function eventSpans(event: RunEvent, nameOf: NameOf): Line {
  const mark = marks.find((one) => one.type === event.type);
  const sign = span(`${mark?.sign ?? '·'} `, mark?.style ?? 'dim');
  switch (event.type) {
    case 'leader-changed': {
      const { to, from, term, downtimeMs } = event;
      const subject = [sign, span(printable(nameOf(to)), 'title'), span(` leads in term ${term}`)];
      if (downtimeMs === null) return subject;
      const after =
        from === null || nameOf(from) === nameOf(to) ? 'without a leader' : `after ${printable(nameOf(from))}`;
      return [...subject, span(', '), span(latencyText(downtimeMs), 'leader'), span(` ${after}`)];
    }
    case 'leader-lost':
      return [sign, span(`${printable(nameOf(event.from))} leads no more (term ${event.term})`)];
    case 'election':
      return [sign, span(`${printable(nameOf(event.member))} campaigns in term ${event.term}`)];
    case 'fault-injected':
      return [sign, span(`${event.fault.id} `, 'fault'), span(printable(event.fault.text))];
    case 'fault-effective':
      return [sign, span(`${event.id} `, 'fault'), span(`bites after ${latencyText(event.afterMs)}`)];
    case 'fault-healed':
      return [sign, span(`${event.id} `, 'fault'), span(`healed: ${printable(event.command)}`)];
    case 'member-started':
      return [sign, span(`${printable(event.name)} started as process ${event.pid}`)];
    case 'member-exited': {
      const how = event.signal === null ? `exited with code ${event.code}` : `terminated by ${event.signal}`;
      return [sign, span(`${printable(event.name)} ${how}`)];
    }
  }
}
