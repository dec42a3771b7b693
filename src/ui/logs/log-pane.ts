/**
 * The log pane of the dashboard: keys, mouse and typed text become what LogView does, and the history on disk is read on in steps
 * that leave the thread to others.
 */

import { unreachable } from '../../base/assert.ts';
import type { AnyBinding, LogBinding } from '../input/bindings.ts';
import type { KeyEvent, MouseEvent } from '../input/event.ts';
import type { Keymap } from '../input/keymap.ts';
import { keyText } from '../input/keymap.ts';
import type { Pane, PaneHost } from '../pane.ts';
import { commandText } from '../source.ts';
import type { Theme } from '../theme.ts';
import { levelFilters } from './level.ts';
import { LogView } from './log-view.ts';
import { PageCache } from './page-table.ts';
import { pagerCommand, runPager } from './pager.ts';
import { ProcessChooser } from './process-chooser.ts';
import { ProcessHistory } from './process-history.ts';
import type { PromptKind } from './prompt.ts';
import { Prompt, remember } from './prompt.ts';
import type { Query } from './query.ts';
import { parseQuery } from './query.ts';
import { statusText } from './status-text.ts';
import { withTimeLimit } from './time-limit.ts';
import { parseTime, timeHint } from './time-text.ts';

export interface LogPaneOptions {
  /** Of the history, as HistoryReader reads it. */
  readonly folder: string;
  readonly host: PaneHost;
  readonly keymap: Keymap;
  /** The processes whose lines are shown, in order; those that come later are behind the others. */
  readonly processes: () => readonly { readonly name: string; readonly colourIndex: number }[];
  /** Unix ms. */
  readonly now: () => number;
  /** PAGER, TMUX and what a pager needs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Reading and searching go on for so long before others have their turn. */
const turnMs = 8;
/** A pattern that has not come to an end then is given up. */
const patternMsMax = 500;
/** While it catches up, the screen is drawn again this often. */
const catchUpDrawMs = 100;
/** Read at once; of a longer line, what a pattern is tried on. */
const bufferBytes = 1024 * 1024;
const wheelRows = 3;

export class LogPane implements Pane {
  readonly #options: LogPaneOptions;
  readonly #cache = new PageCache();
  readonly #view = new LogView();
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #prompt: Prompt | null = null;
  #chooser: ProcessChooser | null = null;
  #remembered: Readonly<Record<PromptKind, readonly string[]>> = { search: [], filter: [], time: [] };
  #ignoreCase = false;
  /** Go to a match in this direction as soon as the search is through. */
  #wanted: 1 | -1 | null = null;
  #note = '';
  /** Where a drag of the mouse begins. */
  #pressedRow: number | null = null;
  #turn: NodeJS.Immediate | null = null;
  #drawnMs = 0;
  #changed = true;
  #closed = false;

  constructor(options: LogPaneOptions) {
    this.#options = options;
  }

  get typing(): boolean {
    return this.#prompt !== null || this.#chooser !== null;
  }

  /** It reads or searches on by itself, and says when it is through. */
  get busy(): boolean {
    return this.#turn !== null;
  }

  /** `clusterctl …` that prints the same lines: the processes that are shown, and the filter or else the search. */
  get words(): readonly string[] {
    const { hidden, filter, search, processes } = this.#view.lines;
    const names = processes.map(({ history }) => history.name);
    const shown = hidden.size === 0 ? [] : names.filter((name) => !hidden.has(name));
    const query = filter ?? search;
    const pattern = query === null ? '' : query.ignoreCase ? inAnyCase(query.pattern) : query.pattern;
    return [
      'logs',
      ...(this.#view.isFollowing ? ['-f'] : []),
      ...(pattern === '' ? [] : ['--grep', pattern]),
      ...shown,
    ];
  }

  rows(width: number, height: number, theme: Theme): readonly string[] {
    const bottom = this.#bottomRow(width, theme);
    const room = height - (bottom === null ? 0 : 1);
    const rows = room > 0 ? this.#frame(width, room, theme) : [];
    return bottom === null ? rows : [...rows, ...Array(Math.max(0, room - rows.length)).fill(''), bottom];
  }

  #frame(width: number, height: number, theme: Theme): readonly string[] {
    const { search, filter } = this.#view.lines;
    const mayRunAway = (search ?? filter)?.mayRunAway ?? false;
    if (!mayRunAway) return this.#view.frame(width, height, theme, true);
    const rows = withTimeLimit(patternMsMax, () => this.#view.frame(width, height, theme, true));
    if (rows !== null) return rows;
    this.#giveUp();
    return this.#view.frame(width, height, theme, false);
  }

  #bottomRow(width: number, theme: Theme): string | null {
    if (this.#chooser !== null) {
      const { processes, hidden } = this.#view.lines;
      const named = processes.map(({ history, colourIndex }) => ({ name: history.name, colourIndex }));
      return this.#chooser.row(width, named, hidden, theme);
    }
    if (this.#prompt === null) return null;
    return this.#prompt.row(width, this.#complaint(this.#prompt), this.#hint(this.#prompt), theme);
  }

  #complaint({ kind, text, ignoreCase }: Prompt): string {
    if (text === '') return '';
    if (kind === 'time') return parseTime(text, this.#options.now()) === null ? `expected ${timeHint}` : '';
    const query = parseQuery(text, ignoreCase);
    return query.ok ? '' : query.error;
  }

  /** The key that is named where there is room for one. */
  #shown(binding: AnyBinding): string | null {
    const [key] = this.#options.keymap.keysOf(binding);
    return key === undefined ? null : keyText(key);
  }

  #hint({ kind, ignoreCase }: Prompt): string {
    if (kind === 'time') return timeHint;
    const key = this.#shown('text-case');
    if (key === null) return ignoreCase ? 'a pattern, in any case' : 'a pattern';
    return ignoreCase ? `a pattern, in any case (${key})` : `a pattern (${key}: in any case)`;
  }

  status(width: number, theme: Theme): string {
    return statusText(this.#view, { note: this.#note, isWanted: this.#wanted !== null }, width, theme);
  }

  tick(): boolean {
    this.#addProcesses();
    if (this.#turn === null) this.#advance();
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  #addProcesses(): void {
    const known = new Set(this.#view.lines.processes.map(({ history }) => history.name));
    for (const { name, colourIndex } of this.#options.processes()) {
      if (known.has(name)) continue;
      this.#view.lines.add({ history: new ProcessHistory(this.#options.folder, name, this.#cache), colourIndex });
      this.#changed = true;
    }
  }

  /** One turn of reading and searching; if that is not all, there is another after others had theirs. */
  #advance(): void {
    if (this.#closed) return;
    const deadline = performance.now() + turnMs;
    const mayGoOn = () => performance.now() < deadline;
    const { lines } = this.#view;
    if (lines.refresh(this.#buffer, mayGoOn)) this.#changed = true;
    if (mayGoOn() && this.#scan(mayGoOn)) this.#changed = true;
    if (this.#wanted !== null && !lines.isBehind) this.#goToWanted();
    this.#turn = lines.isBehind ? setImmediate(() => this.#nextTurn()) : null;
  }

  #nextTurn(): void {
    this.#turn = null;
    this.#advance();
    const now = performance.now();
    const isDue = this.#turn === null || now - this.#drawnMs > catchUpDrawMs;
    if (!this.#changed || !isDue) return;
    this.#drawnMs = now;
    this.#changed = false;
    this.#options.host.changed();
  }

  #scan(mayGoOn: () => boolean): boolean {
    const { lines } = this.#view;
    const mayRunAway = (lines.filter?.mayRunAway ?? false) || (lines.search?.mayRunAway ?? false);
    if (!mayRunAway) return lines.scan(this.#buffer, mayGoOn);
    const changed = withTimeLimit(patternMsMax, () => lines.scan(this.#buffer, mayGoOn));
    if (changed === null) this.#giveUp();
    return changed ?? true;
  }

  #giveUp(): void {
    this.#view.lines.search = null;
    this.#view.lines.filter = null;
    this.#wanted = null;
    this.#note = 'the pattern takes too long: make it simpler';
    this.#changed = true;
  }

  #goToWanted(): void {
    const direction = this.#wanted;
    this.#wanted = null;
    if (direction === null) return;
    const reached = this.#view.toMatch(direction);
    this.#note = reached === null ? 'no match' : reached.wrapped ? wrappedNote[direction] : '';
    this.#changed = true;
  }

  key(event: KeyEvent): boolean {
    const used = this.#key(event);
    if (used) this.#changed = false; // the dashboard draws after input
    return used;
  }

  #key(event: KeyEvent): boolean {
    if (this.#chooser !== null) {
      if (this.#chooser.key(event, this.#view.lines) === 'done') this.#chooser = null;
      return true;
    }
    if (this.#prompt !== null) {
      this.#promptKey(this.#prompt, event);
      return true;
    }
    this.#note = '';
    const binding = this.#options.keymap.logBindingOf(event.key);
    if (this.#view.isSelecting && this.#selectionKey(event.key, binding)) return true;
    return binding !== null && this.#do(binding);
  }

  #selectionKey(key: string, binding: LogBinding | null): boolean {
    if (binding === 'log-up') this.#view.extend(-1);
    else if (binding === 'log-down') this.#view.extend(1);
    else if (this.#options.keymap.dialogBindingOf(key) === 'dialog-accept') this.#copy();
    else return false;
    return true;
  }

  /** False if there is nothing that it could do now. */
  #do(binding: LogBinding): boolean {
    switch (binding) {
      case 'log-up':
      case 'log-down':
      case 'log-page-up':
      case 'log-page-down':
      case 'log-left':
      case 'log-right':
      case 'log-oldest':
      case 'log-newest':
      case 'log-follow':
      case 'log-mark-above':
      case 'log-mark-below':
        this.#move(binding);
        return true;
      case 'log-next':
      case 'log-previous':
        this.#want(binding === 'log-next' ? 1 : -1);
        return true;
      case 'log-wrap':
      case 'log-raw':
      case 'log-level':
      case 'log-case':
      case 'log-one':
      case 'log-one-back':
      case 'log-mark':
      case 'log-clear':
        this.#change(binding);
        this.#continue();
        return true;
      case 'log-search':
        this.#ask('search');
        return true;
      case 'log-filter':
        this.#ask('filter');
        return true;
      case 'log-time':
        this.#ask('time');
        return true;
      case 'log-switch':
        this.#chooser = new ProcessChooser(this.#options.keymap);
        return true;
      case 'log-select':
        this.#view.select();
        return true;
      case 'log-copy':
        this.#copy();
        return true;
      case 'log-copy-command':
        this.#copyCommand();
        return true;
      case 'log-pager':
        this.#openPager();
        return true;
      case 'log-back':
        return this.#escape();
      default:
        return unreachable(binding);
    }
  }

  #move(binding: MoveBinding): void {
    const view = this.#view;
    switch (binding) {
      case 'log-up':
        view.scroll(-1);
        return;
      case 'log-down':
        view.scroll(1);
        return;
      case 'log-page-up':
        view.page(-1);
        return;
      case 'log-page-down':
        view.page(1);
        return;
      case 'log-left':
        view.side(-1);
        return;
      case 'log-right':
        view.side(1);
        return;
      case 'log-oldest':
        view.home();
        return;
      case 'log-newest':
        view.follow();
        return;
      case 'log-follow':
        if (view.isFollowing) view.pause();
        else view.follow();
        return;
      case 'log-mark-above':
        if (!view.jumpToMark(-1)) this.#note = 'no mark above';
        return;
      case 'log-mark-below':
        if (!view.jumpToMark(1)) this.#note = 'no mark below';
        return;
      default:
        unreachable(binding);
    }
  }

  #change(binding: ChangeBinding): void {
    const { lines } = this.#view;
    switch (binding) {
      case 'log-wrap':
        this.#view.toggleWrap();
        return;
      case 'log-raw':
        this.#view.toggleRaw();
        return;
      case 'log-level':
        lines.level = levelFilters[(levelFilters.indexOf(lines.level) + 1) % levelFilters.length] ?? 'all';
        return;
      case 'log-case':
        this.#toggleCase();
        return;
      case 'log-one':
        this.#showNext(1);
        return;
      case 'log-one-back':
        this.#showNext(-1);
        return;
      case 'log-mark':
        this.#view.mark(this.#options.now());
        return;
      case 'log-clear':
        this.#clear();
        return;
      default:
        unreachable(binding);
    }
  }

  #ask(kind: PromptKind): void {
    const text = kind === 'filter' ? (this.#view.lines.filter?.pattern ?? '') : '';
    this.#prompt = new Prompt(this.#options.keymap, kind, text, this.#ignoreCase, this.#remembered[kind]);
  }

  #promptKey(prompt: Prompt, event: KeyEvent): void {
    const what = prompt.key(event);
    if (what === 'escape') this.#prompt = null;
    if (what !== 'enter' || this.#complaint(prompt) !== '') return;
    this.#prompt = null;
    const { kind, text } = prompt;
    if (text !== '') this.#remembered = { ...this.#remembered, [kind]: remember(this.#remembered[kind], text) };
    if (kind === 'time') this.#goToTime(text);
    else this.#enterPattern(kind, text, prompt.ignoreCase);
  }

  #goToTime(text: string): void {
    const timeMs = parseTime(text, this.#options.now());
    if (timeMs !== null && !this.jumpToTime(timeMs)) this.#note = 'no line is so late';
  }

  #enterPattern(kind: 'search' | 'filter', text: string, ignoreCase: boolean): void {
    this.#ignoreCase = ignoreCase;
    const parsed = text === '' ? null : parseQuery(text, ignoreCase);
    const query = parsed?.ok === true ? parsed.value : null;
    if (kind === 'filter') this.#view.lines.filter = query;
    else this.#search(query);
    this.#continue();
  }

  #search(query: Query | null): void {
    this.#view.unselect();
    this.#view.lines.search = query;
    // What follows the end is looked back from; one who reads is taken on.
    this.#wanted = query === null ? null : this.#view.isFollowing ? -1 : 1;
  }

  #toggleCase(): void {
    this.#ignoreCase = !this.#ignoreCase;
    const { lines } = this.#view;
    this.#note = this.#ignoreCase ? 'in any case' : 'case counts';
    for (const kind of ['filter', 'search'] as const) {
      const query = lines[kind];
      if (query === null) continue;
      const other = parseQuery(query.pattern, this.#ignoreCase);
      if (other.ok) lines[kind] = other.value;
    }
  }

  #want(direction: 1 | -1): void {
    if (this.#view.lines.search === null) {
      const key = this.#shown('log-search');
      this.#note = `nothing is searched for${key === null ? '' : `: ${key} begins a search`}`;
      return;
    }
    this.#wanted = direction;
    this.#continue();
  }

  /** All, then each alone, and all again. */
  #showNext(step: 1 | -1): void {
    const { lines } = this.#view;
    const names = lines.processes.map(({ history }) => history.name);
    const shown = names.filter((name) => !lines.hidden.has(name));
    const at = shown.length === 1 ? names.indexOf(shown[0] ?? '') : step === 1 ? -1 : names.length;
    const next = names[at + step];
    this.showOnly(next === undefined ? null : [next]);
  }

  /** Shows the lines of these processes alone; null: of all. */
  showOnly(names: readonly string[] | null): void {
    const all = this.#view.lines.processes.map(({ history }) => history.name);
    this.#view.lines.hidden = new Set(names === null ? [] : all.filter((name) => !names.includes(name)));
    this.#changed = true;
  }

  /** Stands still at the first line that came at that moment (Unix ms) or later; false if there is none. */
  jumpToTime(timeMs: number): boolean {
    this.#changed = true;
    return this.#view.jumpToTime(timeMs);
  }

  #clear(): void {
    const { lines } = this.#view;
    if (lines.isCleared) lines.unclear();
    else lines.clear();
    const key = this.#shown('log-clear');
    this.#note = !lines.isCleared ? '' : key === null ? 'cleared' : `cleared: ${key} again brings all back`;
    this.#view.follow();
  }

  #escape(): boolean {
    if (this.#view.unselect()) return true;
    const { lines } = this.#view;
    if (lines.search !== null) lines.search = null;
    else if (lines.filter !== null) lines.filter = null;
    else return false;
    this.#wanted = null;
    return true;
  }

  /** What is selected; if nothing is, the current line becomes so, to be seen before it is copied. */
  #copy(): void {
    if (!this.#view.isSelecting) {
      this.#view.select();
      return;
    }
    const selected = this.#view.selectedText();
    this.#view.unselect();
    if (selected === null || selected.lines === 0) return;
    this.#options.host.copy(selected.text);
    const lines = selected.lines === 1 ? '1 line' : `${selected.lines} lines`;
    const inTmux = (this.#options.environment['TMUX'] ?? '') !== '';
    this.#options.host.say(
      `${lines} copied${selected.isCut ? ', no more than 256 KiB' : ''}${inTmux ? '; tmux passes it on with: set -g set-clipboard on' : ''}`,
    );
  }

  #copyCommand(): void {
    const command = commandText({ words: this.words });
    this.#options.host.copy(command);
    this.#options.host.say(`copied: ${command}`);
  }

  #openPager(): void {
    const { host, environment } = this.#options;
    const text = this.#view.pagerText();
    const show = async () => {
      const problem = await runPager(pagerCommand(environment, text.line), text.pieces, environment);
      if (problem !== null) host.say(problem);
    };
    host.handOver(show).catch((error: unknown) => host.say(`cannot open the pager: ${String(error)}`));
  }

  mouse(event: MouseEvent): boolean {
    if (event.action === 'wheel-up') this.#view.scroll(-wheelRows);
    else if (event.action === 'wheel-down') this.#view.scroll(wheelRows);
    else if (event.button !== 'left') return false;
    else if (event.action === 'press') return this.#press(event.row);
    else if (event.action === 'drag') this.#drag(event.row);
    else return false;
    return true;
  }

  /** A click that only gives the pane the focus does not stop it from following. */
  #press(row: number): boolean {
    this.#pressedRow = row;
    return !this.#view.isFollowing && this.#view.selectRow(row);
  }

  #drag(row: number): void {
    if (this.#pressedRow !== null && !this.#view.isSelecting) this.#view.selectRow(this.#pressedRow);
    this.#view.extendTo(row);
  }

  paste(text: string): boolean {
    if (this.#prompt === null) return false;
    this.#prompt.type(text);
    return true;
  }

  close(): void {
    this.#closed = true;
    if (this.#turn !== null) clearImmediate(this.#turn);
    for (const { history } of this.#view.lines.processes) history.close();
  }

  /** Searches on at once, not only at the next tick. */
  #continue(): void {
    if (this.#turn === null) this.#advance();
  }
}

type MoveBinding = Extract<
  LogBinding,
  | 'log-up'
  | 'log-down'
  | 'log-page-up'
  | 'log-page-down'
  | 'log-left'
  | 'log-right'
  | 'log-oldest'
  | 'log-newest'
  | 'log-follow'
  | 'log-mark-above'
  | 'log-mark-below'
>;
type ChangeBinding = Extract<
  LogBinding,
  'log-wrap' | 'log-raw' | 'log-level' | 'log-case' | 'log-one' | 'log-one-back' | 'log-mark' | 'log-clear'
>;

const wrappedNote = { 1: 'on from the oldest', [-1]: 'on from the newest' } as const;

/** A pattern of plain words that matches them in any case, for who cannot be told to; others stay as they are. */
function inAnyCase(pattern: string): string {
  if (!/^[\w .:=-]*$/.test(pattern)) return pattern;
  return pattern.replace(/[a-z]/gi, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`);
}
