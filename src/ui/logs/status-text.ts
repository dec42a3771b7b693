/** What the border of the pane says of it. Pure. */
import { displayWidth } from '../../supervisor/display-width.ts';
import type { StyleName, Theme } from '../theme.ts';
import type { LogView } from './log-view.ts';
import { cutText } from './prompt.ts';
import type { Progress, ShownLines } from './shown-lines.ts';

export interface StatusNotes {
  /** What came of the last key; empty: nothing to say. */
  readonly note: string;
  /** A match will be gone to when the search is through. */
  readonly isWanted: boolean;
}

interface Part {
  readonly text: string;
  readonly style: StyleName;
}

const separator = ' · ';

/** The parts that there is room for, the most important first. */
export function statusText(view: LogView, notes: StatusNotes, width: number, theme: Theme): string {
  let text = '';
  let used = 0;
  for (const part of parts(view, notes)) {
    const gap = used === 0 ? 0 : separator.length;
    const room = width - used - gap;
    if (room < 1 || (used > 0 && displayWidth(part.text) > room)) continue;
    const shown = cutText(part.text, room);
    text += (gap === 0 ? '' : theme.paint('dim', separator)) + theme.paint(part.style, shown);
    used += gap + displayWidth(shown);
  }
  return text;
}

function parts(view: LogView, { note, isWanted }: StatusNotes): readonly Part[] {
  const { lines } = view;
  const unread = Math.ceil(lines.unread() / 2 ** 20);
  return [
    followPart(view),
    ...(unread > 1 ? [{ text: `reading, ${grouped(unread)} MB to go`, style: 'warn' as const }] : []),
    ...(note === '' ? [] : [{ text: note, style: 'warn' as const }]),
    ...searchParts(view, isWanted),
    ...(lines.filter === null
      ? []
      : [
          {
            text: `&${lines.filter.pattern}${caseMark(lines.filter)}${percent(lines.filterProgress())}`,
            style: 'accent' as const,
          },
        ]),
    ...processParts(lines),
    ...(lines.level === 'all'
      ? []
      : [{ text: lines.level === 'error' ? 'errors' : `${lines.level} and up`, style: 'accent' as const }]),
    ...(lines.isCleared ? [{ text: 'cleared', style: 'accent' as const }] : []),
    ...(view.wrap ? [{ text: 'wrapped', style: 'dim' as const }] : []),
    ...(view.raw ? [{ text: 'JSON', style: 'dim' as const }] : []),
    ...(view.offset > 0 ? [{ text: `from column ${view.offset + 1}`, style: 'dim' as const }] : []),
    extentPart(view),
  ];
}

function followPart(view: LogView): Part {
  if (view.isFollowing) return { text: 'following', style: 'good' };
  const count = view.newLines();
  if (count === 0) return { text: 'paused', style: 'warn' };
  return { text: `paused, ${grouped(count)} new ${count === 1 ? 'line' : 'lines'}`, style: 'warn' };
}

function searchParts(view: LogView, isWanted: boolean): readonly Part[] {
  const { lines } = view;
  if (lines.search === null) return [];
  const { number, count } = view.matchNumber();
  const progress = percent(lines.searchProgress());
  const of =
    number > 0 ? `${grouped(number)} of ${grouped(count)}` : count === 1 ? '1 match' : `${grouped(count)} matches`;
  const state = isWanted && progress !== '' ? `searching${progress}` : `${of}${progress}`;
  return [{ text: `/${lines.search.pattern}${caseMark(lines.search)} ${state}`, style: 'accent' }];
}

function processParts(lines: ShownLines): readonly Part[] {
  if (lines.hidden.size === 0) return [];
  const names = lines.processes.map(({ history }) => history.name).filter((name) => !lines.hidden.has(name));
  const text =
    names.length === 0
      ? 'no process'
      : names.length <= 2
        ? names.join(', ')
        : `${names.length} of ${lines.processes.length}`;
  return [{ text, style: 'accent' }];
}

function extentPart(view: LogView): Part {
  const { above, count } = view.extent();
  const text = view.isFollowing
    ? `${grouped(count)} lines`
    : `line ${grouped(Math.min(count, above + 1))} of ${grouped(count)}`;
  return { text, style: 'dim' };
}

function caseMark({ ignoreCase }: { readonly ignoreCase: boolean }): string {
  return ignoreCase ? ' (any case)' : '';
}

/** ` 40 %`, or nothing when it is done. */
function percent({ done, all }: Progress): string {
  return done >= all ? '' : ` ${Math.floor((done / all) * 100)} %`;
}

/** 1,234,567 */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}
