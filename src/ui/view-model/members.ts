/** The table of processes: which columns padTo, and what stands in them. Pure. */

import { displayWidth } from '../../supervisor/display-width.ts';
import type { Observation, ProcessFacts } from '../../supervisor/observe/model.ts';
import { processStyle } from '../theme.ts';
import { ageText, bytesText, countText, latencyText, percentText, sparkline } from './format.ts';
import type { Line, Span } from './line.ts';
import { clip, lineWidth, padTo, printable, span } from './line.ts';
import { reachOf, roleView } from './roles.ts';

export interface MembersView {
  /** Null if there is room for one row alone. */
  readonly header: Line | null;
  /** One for each process that is shown. */
  readonly rows: readonly Line[];
  /** The index of the process in the first row. */
  readonly first: number;
  /** How many processes there are. */
  readonly total: number;
}

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** The lowest goes first when there is no room. */
  readonly priority: number;
  /** Of cells whose widths come and go, so that columns stand still; the title's width if not given. */
  readonly widthMin?: number;
  /** Wider cells are clipped. */
  readonly widthMax: number;
  cell(process: ProcessFacts, observation: Observation): Span;
}

const nothing = span('-', 'dim');
const sparkWidth = 8;
/** A lag of so many entries is worth a colour. */
const lagWarn = 100;
const slowSyncMs = 100;
const slowHealthMs = 500;
const gap = 2;
const markerWidth = 2;

const columns: readonly Column[] = [
  {
    title: 'NAME',
    align: 'left',
    priority: 100,
    widthMax: 20,
    cell: (one) => span(printable(one.name), processStyle(one.colourIndex)),
  },
  {
    title: 'ROLE',
    align: 'left',
    priority: 99,
    widthMax: 24,
    cell: (one, observation) => {
      const role = roleView(one, reachOf(one.name, observation));
      return span(`${role.badge} ${role.text}`, role.style);
    },
  },
  { title: 'TERM', align: 'right', priority: 95, widthMax: 8, cell: memberCell((one) => number(one.term)) },
  { title: 'INDEX', align: 'right', priority: 90, widthMax: 12, cell: memberCell((one) => number(one.raftIndex)) },
  { title: 'APPLIED', align: 'right', priority: 62, widthMax: 12, cell: memberCell((one) => number(one.appliedIndex)) },
  {
    title: 'LAG',
    align: 'right',
    priority: 85,
    widthMax: sparkWidth + 6,
    cell: memberCell(({ lag }) => {
      const last = lag.at(-1);
      if (last === undefined) return null;
      return span(`${sparkline(lag, sparkWidth)} ${countText(last).padStart(3)}`, last > lagWarn ? 'warn' : 'text');
    }),
  },
  {
    title: 'COMMIT/S',
    align: 'right',
    priority: 80,
    widthMax: 8,
    cell: memberCell((one) => (one.commitsPerSecond === null ? null : span(countText(one.commitsPerSecond)))),
  },
  {
    title: 'DB/IN USE',
    align: 'right',
    priority: 64,
    widthMax: 12,
    cell: memberCell(({ dbBytes, dbInUseBytes }) => {
      if (dbBytes === null) return null;
      return span(`${bytesText(dbBytes)}/${dbInUseBytes === null ? '-' : bytesText(dbInUseBytes)}`);
    }),
  },
  {
    title: 'SYNC99',
    align: 'right',
    priority: 66,
    widthMax: 7,
    cell: memberCell((one) => latency(one.syncP99Ms, slowSyncMs)),
  },
  {
    title: 'HEALTH',
    align: 'right',
    priority: 75,
    widthMax: 7,
    cell: (one) => {
      if (one.member === null || one.state === 'stopped') return nothing;
      return latency(one.member.healthMs, slowHealthMs) ?? span('none', 'bad');
    },
  },
  {
    title: 'CPU',
    align: 'right',
    priority: 70,
    widthMin: 4,
    widthMax: 5,
    cell: (one) => (one.cpu === null ? nothing : span(percentText(one.cpu))),
  },
  {
    title: 'RSS',
    align: 'right',
    priority: 69,
    widthMin: 4,
    widthMax: 5,
    cell: (one) => (one.rssBytes === null ? nothing : span(bytesText(one.rssBytes))),
  },
  {
    title: 'UP',
    align: 'right',
    priority: 72,
    widthMin: 5,
    widthMax: 7,
    cell: (one, { atMs }) =>
      one.startedMs === null || one.pid === null ? nothing : span(ageText(atMs - one.startedMs)),
  },
  {
    title: 'STARTS',
    align: 'right',
    priority: 60,
    widthMax: 6,
    cell: (one) => span(one.startedMs === null ? '0' : String(one.restarts + 1), one.restarts > 0 ? 'warn' : 'text'),
  },
  {
    title: 'PID',
    align: 'right',
    priority: 58,
    widthMin: 7,
    widthMax: 8,
    cell: (one) => (one.pid === null ? nothing : span(String(one.pid))),
  },
  {
    title: 'ENDPOINT',
    align: 'left',
    priority: 50,
    widthMax: 28,
    cell: (one) => {
      const where = one.member?.clientUrl ?? (one.port === null ? null : `:${one.port}`);
      return where === null ? nothing : span(printable(where.replace(/^http:\/\//, '')));
    },
  },
  {
    title: 'VERSION',
    align: 'left',
    priority: 40,
    widthMax: 12,
    cell: memberCell(({ version }) => (version === null ? null : span(printable(version)))),
  },
];

type Member = NonNullable<ProcessFacts['member']>;

/** Of a process that is no etcd, or where it is not known: a dash. */
function memberCell(cell: (member: Member) => Span | null): Column['cell'] {
  return ({ member, state }) => {
    const known = member === null || state === 'stopped' ? null : cell(member);
    return known ?? nothing;
  };
}

function number(value: number | null): Span | null {
  return value === null ? null : span(String(value));
}

function latency(ms: number | null, slowMs: number): Span | null {
  return ms === null ? null : span(latencyText(ms), ms > slowMs ? 'warn' : 'text');
}

/** `height` is that of header and rows; the selected process is always among the rows. */
export function membersView(
  observation: Observation,
  selected: string | null,
  width: number,
  height: number,
): MembersView {
  const { processes } = observation;
  const hasMembers = processes.some((one) => one.member !== null);
  const useful = hasMembers ? columns : columns.filter((one) => isPlain(one.title));
  const cells = processes.map((process) => useful.map((column) => column.cell(process, observation)));
  const widths = useful.map((column, index) => {
    const least = Math.max(column.title.length, column.widthMin ?? 0);
    const widest = Math.max(least, ...cells.map((row) => displayWidth(row[index]?.text ?? '')));
    return Math.min(column.widthMax, widest);
  });
  const shown = fitting(useful, widths, width - markerWidth);
  const at = Math.max(
    0,
    processes.findIndex((one) => one.name === selected),
  );
  const room = Math.max(1, height - 1);
  const first = Math.max(0, Math.min(at - Math.floor(room / 2), processes.length - room));
  const rows = cells.slice(first, first + room).map((row, index) => {
    const isSelected = processes[first + index]?.name === selected;
    const line: Span[] = [span(isSelected ? '▸ ' : '  ', 'accent')];
    for (const [position, column] of shown.entries()) {
      const cell = row[column] ?? nothing;
      const { align } = useful[column] ?? { align: 'left' };
      const text = padTo(cell.text, widths[column] ?? 0, align);
      // The rest of the line stays as it is: the name alone is turned over, so that colours keep their meaning.
      line.push({ text, style: isSelected && position === 0 ? 'selected' : cell.style }, span(' '.repeat(gap)));
    }
    return trimmed(line, width);
  });
  const header: Span[] = [span(' '.repeat(markerWidth))];
  for (const column of shown) {
    const { title, align } = useful[column] ?? { title: '', align: 'left' };
    header.push(span(padTo(title, widths[column] ?? 0, align), 'dim'), span(' '.repeat(gap)));
  }
  return { header: height > 1 ? trimmed(header, width) : null, rows, first, total: processes.length };
}

function isPlain(title: string): boolean {
  return ['NAME', 'ROLE', 'CPU', 'RSS', 'UP', 'STARTS', 'PID', 'ENDPOINT'].includes(title);
}

/** The indexes of the columns for which there is room, in order. The first one stays whatever the width. */
function fitting(all: readonly Column[], widths: readonly number[], width: number): number[] {
  const ranked = all.map((_, index) => index).sort((a, b) => (all[b]?.priority ?? 0) - (all[a]?.priority ?? 0));
  const taken: number[] = [];
  let used = -gap;
  for (const index of ranked) {
    const more = gap + (widths[index] ?? 0);
    if (taken.length > 0 && used + more > width) continue;
    taken.push(index);
    used += more;
  }
  return taken.sort((a, b) => a - b);
}

/** Without the gap after the last column. */
function trimmed(line: readonly Span[], width: number): Line {
  const last = line.at(-1);
  const body = last !== undefined && last.text.trim() === '' ? line.slice(0, -1) : line;
  if (lineWidth(body) <= width) return body;
  const [marker = span(''), name = span('')] = body;
  return [marker, { ...name, text: clip(name.text, Math.max(1, width - markerWidth)) }];
}
