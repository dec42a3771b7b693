/** The links between members: a row for who sends, a column for who receives; and the faults that there are. Pure. */

import { displayWidth } from '../../supervisor/display-width.ts';
import type { FaultFacts, LinkFacts, Observation } from '../../supervisor/observe/model.ts';
import { processStyle } from '../theme.ts';
import { durationText, latencyText } from './format.ts';
import type { Line, Span } from './line.ts';
import { clipLine, lineWidth, padTo, printable, span } from './line.ts';
import { isCut } from './roles.ts';

const wideCell = 15;
/** Room for two faults. */
const widestCell = 19;
const narrowCell = 7;
const labelWidthMax = 10;

export interface LinksView {
  readonly lines: readonly Line[];
}

/** The width that the matrix of so many members likes to have. */
export function linksWidth(members: number): number {
  return labelWidthMax + 2 + members * wideCell;
}

export function linksView(
  observation: Observation,
  { width, height }: { readonly width: number; readonly height: number },
): LinksView {
  const members = observation.processes.filter((one) => one.member !== null);
  if (members.length === 0) return { lines: [[span('No etcd members run here: links are theirs.', 'dim')]] };
  const labelWidth = Math.min(labelWidthMax, Math.max(...members.map((one) => displayWidth(one.name)))) + 2;
  const share = Math.floor((width - labelWidth) / members.length);
  const isWide = share >= wideCell;
  const cellWidth = isWide ? Math.min(widestCell, share) : narrowCell;
  const head: Span[] = [span(padTo('→', labelWidth), 'dim')];
  for (const { name, colourIndex } of members)
    head.push(span(padTo(clipName(name, cellWidth), cellWidth), processStyle(colourIndex)));
  const rows = members.map((from): Line => {
    const cells = members.map((to): Line => {
      if (from === to) return [span(padTo('·', cellWidth), 'dim')];
      const link = observation.links.find((one) => one.from === from.name && one.to === to.name);
      return fitCell(link === undefined ? unknown : cell(link, observation.faults, isWide), cellWidth);
    });
    return [span(padTo(printable(from.name), labelWidth), processStyle(from.colourIndex)), ...cells.flat()];
  });
  const matrix = [head, ...rows];
  const room = height - matrix.length;
  const faults = room > 0 ? faultLines(observation, width, room) : [];
  return { lines: [...matrix, ...faults].slice(0, height).map((line) => clipLine(line, width)) };
}

const unknown: Line = [span('?', 'dim')];

function clipName(name: string, cellWidth: number): string {
  const text = printable(name);
  // Members are told apart by the ends of their names.
  return displayWidth(text) < cellWidth ? text : `…${[...text].slice(2 - cellWidth).join('')}`;
}

function cell(link: LinkFacts, faults: readonly FaultFacts[], isWide: boolean): Line {
  const signs = faults
    .filter((fault) => link.faults.includes(fault.id))
    .map((fault) => `${faultSign(fault)}${fault.id}`);
  // What faults a link has says more than whether it is up, where there is no room for both.
  if (!isWide && signs.length > 0) return [span(signs.join(''), 'fault')];
  const state: Span =
    link.up === null
      ? span('?', 'dim')
      : link.up
        ? span(isWide && link.rttMs !== null ? `● ${latencyText(link.rttMs)}` : '●', 'good')
        : span(isWide ? '✗ down' : '✗', 'bad');
  // A link that is cut has nothing else to say.
  const shown = isCut(link, faults) && link.up !== true ? span('≠ cut', 'fault') : state;
  return signs.length === 0 ? [shown] : [shown, span(` ${signs.join(' ')}`, 'fault')];
}

/** What a fault does, as one sign. */
function faultSign({ command }: FaultFacts): string {
  if (/\bdelay\b/.test(command)) return '~';
  if (/\bloss\b/.test(command)) return '%';
  return '≠';
}

function fitCell(line: Line, width: number): Line {
  const clipped = clipLine(line, width - 1);
  const used = clipped.reduce((sum, one) => sum + displayWidth(one.text), 0);
  return [...clipped, span(' '.repeat(width - used))];
}

/** What each fault is, and whether it is seen to bite: beside each other, or below where that is too wide and there is room. */
function faultLines({ faults, atMs }: Observation, width: number, room: number): Line[] {
  if (faults.length === 0) return [[span('No faults.', 'dim')]];
  const shown = faults.slice(-room);
  let spare = room - shown.length;
  return shown.flatMap((fault): Line[] => {
    const id = span(`${fault.id} `, 'fault');
    const what = span(printable(fault.text));
    const bites =
      fault.bitMs === null ? 'not seen to bite yet' : `bit after ${latencyText(fault.bitMs - fault.injectedMs)}`;
    const state = span(`${durationText(atMs - fault.injectedMs)}, ${bites}`, fault.bitMs === null ? 'warn' : 'dim');
    const line = [id, what, span('  '), state];
    if (lineWidth(line) <= width || spare === 0) return [line];
    spare--;
    return [
      [id, what],
      [span(' '.repeat(lineWidth([id]))), state],
    ];
  });
}
