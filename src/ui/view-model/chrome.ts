/** What stands around the parts: the header, titles, the status line, the key bar, help. Pure. */
import type { Observation } from '../../supervisor/observe/model.ts';
import type { Binding, Keymap } from '../input/keymap.ts';
import { bindable, bindingNames, keyText } from '../input/keymap.ts';
import type { PaneKey } from '../pane.ts';
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

/** What was done and what came of it; `command` is what `y` copies. */
export function statusLine(notice: Notice | null, command: string | null, copyKey: string, width: number): Line {
  const hint = command === null ? [] : [span(` ${copyKey} copies: `, 'dim'), span(command, 'accent'), span(' ')];
  const said =
    notice === null ? [] : [span(`${noticeSigns[notice.level]} ${printable(notice.text)}`, noticeStyles[notice.level])];
  if (notice?.text === command) return padLine([...said, span(`  ${copyKey} copies`, 'dim')], width);
  if (notice !== null && command !== null && notice.text.endsWith(command)) return padLine(said, width);
  return lineWidth(said) + lineWidth(hint) + 1 <= width
    ? spread(said, hint, width)
    : padLine(said.length > 0 ? said : hint, width);
}

export interface KeyBarView {
  readonly line: Line;
  readonly hits: readonly { readonly from: number; readonly to: number; readonly binding: Binding }[];
}

const barOf: Readonly<Record<Exclude<SectionName, 'logs'>, readonly Binding[]>> = {
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
};
/** Shown at any width, at the right end. */
const always: readonly Binding[] = ['focus-next', 'zoom', 'palette', 'help', 'quit'];

/** As many keys as there is room for, the most important first. `paneKeys`: of the log pane, if it has the focus. */
export function keyBarView(
  focus: SectionName,
  keymap: Keymap,
  paneKeys: readonly PaneKey[],
  width: number,
): KeyBarView {
  const right = always.map((binding) => keyCell(keymap, binding)).filter((one) => one !== null);
  const own =
    focus === 'logs'
      ? paneKeys.map(({ key, label }): KeyCell => ({ spans: cellSpans(keyText(key), label), binding: null }))
      : barOf[focus].map((binding) => keyCell(keymap, binding)).filter((one) => one !== null);
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
  const hits: { from: number; to: number; binding: Binding }[] = [];
  for (const [cells, start] of [
    [left, 0],
    [right, leftWidth + lineWidth([filler])],
  ] as const) {
    let at = start;
    for (const cell of cells) {
      const to = at + lineWidth(cell.spans);
      if (cell.binding !== null) hits.push({ from: at, to, binding: cell.binding });
      at = to;
    }
  }
  return { line: clipLine(line, width), hits };
}

interface KeyCell {
  readonly spans: Line;
  readonly binding: Binding | null;
}

function keyCell(keymap: Keymap, binding: Binding): KeyCell | null {
  const key = keymap.keysOf(binding)[0];
  return key === undefined ? null : { spans: cellSpans(keyText(key), bindable[binding].label), binding };
}

function cellSpans(key: string, label: string): Line {
  return [span(` ${key}`, 'bar-key'), span(` ${label} `, 'bar')];
}

function cellsWidth(cells: readonly KeyCell[]): number {
  return cells.reduce((sum, one) => sum + lineWidth(one.spans), 0);
}

/** All keys, and what the signs mean. */
export function helpLines(keymap: Keymap, paneKeys: readonly PaneKey[]): readonly Line[] {
  const row = (keys: readonly string[], text: string): Line => [
    span(padTo(keys.map(keyText).join(' '), 12), 'accent'),
    span(text),
  ];
  const rows = (names: readonly Binding[]) => names.map((name) => row(keymap.keysOf(name), bindable[name].help));
  const split = bindingNames.indexOf('copy');
  return [
    [span('On the run', 'title')],
    ...rows(bindingNames.slice(0, split)),
    [],
    [span('On the screen', 'title')],
    ...rows(bindingNames.slice(split)),
    ...(paneKeys.length === 0 ? [] : [[], [span('In the logs', 'title')] as Line]),
    ...paneKeys.map(({ key, label }) => row([key], label)),
    [],
    [span('Signs', 'title')],
    ...signs.map(([sign, text]): Line => [span(padTo(sign, 12), 'accent'), span(text)]),
    [],
    [span('Every action is shown as the command that does the same.', 'dim')],
  ];
}

const signs: readonly (readonly [string, string])[] = [
  ['★ ● ▲ △ ◇', 'leader, follower, candidate, pre-candidate, learner'],
  ['✗ ‖ ≠', 'down, paused, links cut'],
  ['! + ▲ × ↑', 'fault, heal, election, end and start of a member'],
  ['█ ▓ ░ ×', 'leads, leads under a fault, under a fault, down'],
  ['≠f1 ~f2 %f3', 'a link that fault f1 cuts, f2 delays, f3 loses from'],
];
