/** What stands around the parts: the header, titles, the status line, the key bar, help. Pure. */
import type { Observation } from '../../supervisor/observe/model.ts';
import type { AnyBinding, Binding, LogBinding } from '../input/bindings.ts';
import {
  allBindings,
  dialogBindings,
  logBindings,
  namesOf,
  screenBindings,
  switchBindings,
  textBindings,
} from '../input/bindings.ts';
import type { Keymap } from '../input/keymap.ts';
import { keyText } from '../input/keymap.ts';
import type { StyleName } from '../theme.ts';
import { leadersOf } from './actions.ts';
import { durationText } from './format.ts';
import type { SectionName, ViewName } from './layout.ts';
import { viewNames } from './layout.ts';
import type { Line, Span } from './line.ts';
import { clip, clipLine, lineWidth, padLine, padTo, printable, span, spread } from './line.ts';
import type { Notice } from './ui-state.ts';

/** Narrower screens have better things to say than whose they are. */
const nameWidthMin = 72;
/** `59m59s` */
const uptimeWidth = 6;

export function headerLine(title: string, observation: Observation, view: ViewName, width: number): Line {
  const { processes, faults, atMs, startedMs } = observation;
  const up = processes.filter((one) => one.state === 'running').length;
  const members = processes.filter((one) => one.member !== null);
  const facts: Span[] = [span(`${up}/${processes.length} up`, up === processes.length ? 'good' : 'warn')];
  if (members.length > 0) {
    const leaders = leadersOf(observation);
    const term = Math.max(0, ...members.map((one) => one.member?.term ?? 0));
    facts.push(span('  '));
    facts.push(
      leaders.length === 0 ? span('∘ no leader', 'bad') : span(`★ ${printable(leaders.join(', '))}`, 'leader'),
    );
    // Terms of several clusters have nothing to do with each other.
    if (term > 0 && leaders.length < 2) facts.push(span(` term ${term}`));
  }
  if (faults.length > 0) facts.push(span(`  ! ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}`, 'fault'));
  // As wide after an hour as after a second: nothing moves as time goes by.
  const uptime = span(` ${durationText(atMs - startedMs).padStart(uptimeWidth)} `, 'dim');
  const name = span(width < nameWidthMin ? '' : ' clusterctl ', 'bar');
  // The facts stay; the title gets what is left.
  const room = width - lineWidth([name, ...facts, uptime]) - 4;
  const titled = room < 4 ? [] : [span(`${clip(printable(title), room)}  `, 'title')];
  const left = [name, span(' '), ...titled, ...facts];
  const tabs = viewNames.map((name, index) => span(` ${index + 1} ${name} `, name === view ? 'selected' : 'dim'));
  const right = lineWidth(left) + lineWidth([...tabs, uptime]) < width ? [...tabs, uptime] : [uptime];
  return spread(left, right, width);
}

/** `━━ Members ━━━ right ━━`; the heavy one has the focus. */
export function titleLine(title: string, right: Line, width: number, focused: boolean): Line {
  const stroke = focused ? '━' : '─';
  const style: StyleName = focused ? 'accent' : 'border';
  const head = [span(stroke.repeat(2), style), span(` ${title} `, focused ? 'title' : 'text')];
  const tail = right.length === 0 ? [] : [span(' '), ...right, span(' '), span(stroke, style)];
  const room = width - lineWidth(head) - lineWidth(tail);
  if (room < 0) return clipLine([...head, ...tail], width);
  return [...head, span(stroke.repeat(room), style), ...tail];
}

const noticeStyles: Readonly<Record<Notice['level'], StyleName>> = {
  info: 'text',
  busy: 'warn',
  done: 'good',
  failed: 'bad',
};
const noticeSigns: Readonly<Record<Notice['level'], string>> = { info: '·', busy: '…', done: '✓', failed: '✗' };

/** What was done and what came of it; `command` is what `copyKey` copies. */
export function statusLine(notice: Notice | null, command: string | null, copyKey: string | null, width: number): Line {
  const said =
    notice === null ? [] : [span(`${noticeSigns[notice.level]} ${printable(notice.text)}`, noticeStyles[notice.level])];
  if (command === null || copyKey === null) return padLine(said, width);
  if (notice?.text === command) return padLine([...said, span(`  ${copyKey} copies`, 'dim')], width);
  if (notice?.text.endsWith(command) === true) return padLine(said, width);
  const hints = [
    [span(` ${copyKey} copies: `, 'dim'), span(command, 'accent'), span(' ')],
    [span(` ${copyKey} copies the command `, 'dim')],
  ];
  const hint = hints.find((one) => lineWidth(said) + lineWidth(one) + 1 <= width);
  return hint === undefined ? padLine(said, width) : spread(said, hint, width);
}

export interface KeyBarView {
  readonly line: Line;
  /** The keys by their columns, for clicks. */
  readonly hits: readonly { readonly from: number; readonly to: number; readonly key: string }[];
}

const barOf: Readonly<Record<SectionName, readonly AnyBinding[]>> = {
  members: [
    'kill',
    'pause',
    'partition',
    'delay',
    'disk',
    'move-leader',
    'heal',
    'stop',
    'restart',
    'undo',
    'kill-leader',
    'loss',
  ],
  timeline: ['earlier', 'later', 'closer', 'wider', 'live', 'first', 'kill-leader', 'heal'],
  links: ['partition', 'delay', 'loss', 'heal', 'heal-all', 'undo'],
  logs: namesOf(logBindings).filter(needsNaming),
};
/** Shown at any width, at the right end. */
const always: readonly Binding[] = ['focus-next', 'zoom', 'palette', 'help', 'quit'];

/** Arrows and Escape do what one expects of them. */
function needsNaming(name: LogBinding): boolean {
  return !/^log-(?:up|down|left|right|page-up|page-down|one-back|back)$/.test(name);
}

/** As many keys as there is room for, the most important first. */
export function keyBarView(focus: SectionName, keymap: Keymap, width: number): KeyBarView {
  const right = always.map((binding) => keyCell(keymap, binding)).filter((one) => one !== null);
  const own = barOf[focus].map((name) => keyCell(keymap, name)).filter((one) => one !== null);
  while (right.length > 2 && cellsWidth(right) > width / 3) right.shift();
  const rightWidth = cellsWidth(right);
  const left: KeyCell[] = [];
  for (const cell of own) {
    if (cellsWidth([...left, cell]) + rightWidth > width) break;
    left.push(cell);
  }
  const leftWidth = cellsWidth(left);
  const filler = span(' '.repeat(Math.max(0, width - leftWidth - rightWidth)), 'bar');
  const line = [...left.flatMap((one) => one.spans), filler, ...right.flatMap((one) => one.spans)];
  const hits: { from: number; to: number; key: string }[] = [];
  for (const [cells, start] of [
    [left, 0],
    [right, leftWidth + lineWidth([filler])],
  ] as const) {
    let at = start;
    for (const cell of cells) {
      const to = at + lineWidth(cell.spans);
      hits.push({ from: at, to, key: cell.key });
      at = to;
    }
  }
  return { line: clipLine(line, width), hits };
}

interface KeyCell {
  readonly spans: Line;
  readonly key: string;
}

function keyCell(keymap: Keymap, binding: AnyBinding): KeyCell | null {
  const [key] = keymap.keysOf(binding);
  return key === undefined ? null : { spans: cellSpans(keyText(key), allBindings[binding].label), key };
}

function cellSpans(key: string, label: string): Line {
  return [span(` ${key}`, 'bar-key'), span(` ${label} `, 'bar')];
}

function cellsWidth(cells: readonly KeyCell[]): number {
  return cells.reduce((sum, one) => sum + lineWidth(one.spans), 0);
}

/** All keys as they are, and what the signs mean. */
export function helpLines(keymap: Keymap, hasLogs: boolean): readonly Line[] {
  const row = (name: AnyBinding): Line => {
    const keys = keymap.keysOf(name).map(keyText).join(' ');
    return [span(padTo(keys === '' ? '-' : keys, helpKeysWidth), 'accent'), span(allBindings[name].help)];
  };
  const part = (title: string, names: readonly AnyBinding[]): readonly Line[] => [
    [span(title, 'title')],
    ...names.map(row),
    [],
  ];
  const onScreen = namesOf(screenBindings);
  const split = onScreen.indexOf('copy');
  return [
    ...part('On the run', onScreen.slice(0, split)),
    ...part('On the screen', onScreen.slice(split)),
    ...(hasLogs ? part('In the logs', namesOf(logBindings)) : []),
    ...(hasLogs ? part('Switching processes on and off', namesOf(switchBindings)) : []),
    ...part('In menus, questions and help', namesOf(dialogBindings)),
    ...part('While a text is typed', namesOf(textBindings)),
    [span('Signs', 'title')],
    ...signs.map(([sign, text]): Line => [span(padTo(sign, helpKeysWidth), 'accent'), span(text)]),
    [],
    [span('Every action is shown as the command that does the same.', 'dim')],
    [span('keys: in clusterctl.yaml gives all of them other keys.', 'dim')],
  ];
}

const helpKeysWidth = 12;

const signs: readonly (readonly [string, string])[] = [
  ['★ ● ▲ △ ◇', 'leader, follower, candidate, pre-candidate, learner'],
  ['✗ ‖ ≠', 'down, paused, links cut'],
  ['! + ▲ × ↑', 'fault, heal, election, end and start of a member'],
  ['█ ▓ ░ ×', 'leads, leads under a fault, under a fault, down'],
  ['≠f1 ~f2 %f3', 'a link that fault f1 cuts, f2 delays, f3 loses from'],
];
