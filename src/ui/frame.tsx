/** Draws whole frames: what React draws and what the log pane draws, put together as rows of the screen. */
import type { ReactNode } from 'react';
import type { Observation } from '../supervisor/observe/model.ts';
import { DialogBox } from './components/dialog.tsx';
import { LineText, Section } from './components/section.tsx';
import type { Keymap } from './input/keymap.ts';
import { keyText } from './input/keymap.ts';
import type { Pane } from './pane.ts';
import { commandText } from './source.ts';
import { Surface } from './surface.tsx';
import { overlayRow, padRow, sliceRow, visibleWidth } from './terminal/ansi.ts';
import type { Theme } from './theme.ts';
import { themeOf } from './theme.ts';
import type { KeyBarView } from './view-model/chrome.ts';
import { headerLine, keyBarView, statusLine, titleLine } from './view-model/chrome.ts';
import { dialogView } from './view-model/dialog.ts';
import { latencyText } from './view-model/format.ts';
import type { Layout, Rect, SectionName } from './view-model/layout.ts';
import { layoutOf } from './view-model/layout.ts';
import type { Line } from './view-model/line.ts';
import { span } from './view-model/line.ts';
import { linksView } from './view-model/links.ts';
import { membersView } from './view-model/members.ts';
import { timelineView } from './view-model/timeline.ts';
import type { Surroundings, UiState } from './view-model/ui-state.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface FrameInput {
  readonly title: string;
  readonly observation: Observation;
  readonly state: UiState;
  readonly size: Size;
}

/** What never changes while the dashboard is open. */
export interface FrameSetting {
  readonly keymap: Keymap;
  /** Null: the run keeps no history to show. */
  readonly pane: Pane | null;
  /** Local time minus UTC. */
  readonly offsetMinutes: number;
}

export interface Drawn {
  readonly rows: readonly string[];
  /** What keys and clicks refer to. */
  readonly around: Surroundings;
}

const noPane: Line = [span('No log lines: this run keeps no history of them.', 'dim')];
const titles: Readonly<Record<SectionName, string>> = {
  members: 'Members',
  timeline: 'Leadership',
  links: 'Links',
  logs: 'Logs',
};

export class Frame {
  readonly #setting: FrameSetting;
  readonly #surfaces = new Map<string, Surface>();
  #paneKey = '';
  #paneRows: readonly string[] = [];
  #paneIsStale = true;

  constructor(setting: FrameSetting) {
    this.#setting = setting;
  }

  /** The pane's rows are others than at the last draw. */
  paneChanged(): void {
    this.#paneIsStale = true;
  }

  draw({ title, observation, state, size }: FrameInput): Drawn {
    const { keymap, pane } = this.#setting;
    const theme = themeOf(state.theme);
    const contents = {
      processes: observation.processes.length,
      members: observation.processes.filter((one) => one.member !== null).length,
    };
    const layout = layoutOf(size, state.view, state.zoomed ? state.focus : null, contents);
    const place = { observation, state, theme };
    const bars = this.#bars(title, place, layout);
    const screen = new Rows(layout);
    screen.put(layout.header, bars.header);
    let members = { first: 0, row: 0 };
    for (const { name, rect } of layout.sections) {
      const drawn = this.#section(name, rect, place);
      screen.put(rect, drawn.rows);
      if (name === 'members') members = { first: drawn.first, row: rect.row + (rect.height > 2 ? 2 : 1) };
    }
    screen.put(layout.status, bars.status);
    screen.put(layout.keys, bars.keys);
    let helpScrollMax = 0;
    if (state.dialog !== null) {
      const view = dialogView(state.dialog, observation, keymap, pane !== null, layout);
      const rows = this.#draw('dialog', view, () => <DialogBox view={view} />, view, theme);
      screen.lay(rows, view);
      helpScrollMax = view.scrollMax;
    }
    const around: Surroundings = {
      observation,
      layout,
      keymap,
      firstProcess: members.first,
      firstProcessRow: members.row,
      helpScrollMax,
      keyBar: bars.hits,
    };
    // A screen smaller than the smallest layout shows its upper left part: what is beyond the last column would be written upon it.
    const rows = screen.rows.slice(0, size.height);
    return { rows: size.width < layout.width ? rows.map((row) => sliceRow(row, 0, size.width)) : rows, around };
  }

  /** Draws help for nobody to see: the first dialog need not wait until its code is compiled. */
  warmUp(input: FrameInput): void {
    this.draw({ ...input, state: { ...input.state, dialog: { type: 'help', scroll: 0 } } });
  }

  close(): void {
    for (const surface of this.#surfaces.values()) surface.close();
  }

  #bars(
    title: string,
    { observation, state, theme }: Place,
    { width, header, status, keys }: Layout,
  ): { header: readonly string[]; status: readonly string[]; keys: readonly string[]; hits: KeyBarView['hits'] } {
    const { keymap } = this.#setting;
    const command = state.lastAction === null ? null : commandText(state.lastAction);
    const copyKey = keymap.keysOf('copy').slice(0, 1).map(keyText)[0] ?? null;
    const bar = keyBarView(state.focus, keymap, width);
    const line = (name: string, text: Line, rect: Rect) =>
      this.#draw(name, text, () => <LineText line={text} width={rect.width} />, rect, theme);
    return {
      header: line('header', headerLine(title, observation, state.view, width), header),
      status: line('status', statusLine(state.notice, command, copyKey, width), status),
      keys: line('keys', bar.line, keys),
      hits: bar.hits,
    };
  }

  #section(name: SectionName, rect: Rect, place: Place): { rows: readonly string[]; first: number } {
    const { observation, state, theme } = place;
    const { width } = rect;
    const body = { width, height: rect.height - 1 };
    const focused = state.focus === name;
    const draw = (lines: readonly Line[], right: string, first = 0) => {
      const title = titleLine(titles[name], right === '' ? [] : [span(right, 'dim')], width, focused);
      const view = { title, lines, width, height: rect.height };
      return { rows: this.#draw(name, view, () => <Section {...view} />, rect, theme), first };
    };
    switch (name) {
      case 'members': {
        const view = membersView(observation, state.selected, body.width, body.height);
        const hidden =
          view.total > view.rows.length ? `${view.first + 1}–${view.first + view.rows.length} of ${view.total}` : '';
        return draw(view.header === null ? view.rows : [view.header, ...view.rows], hidden, view.first);
      }
      case 'timeline': {
        const view = timelineView(observation, state.window, body, this.#setting.offsetMinutes);
        const last = observation.events.findLast(
          (event) => event.type === 'leader-changed' && event.downtimeMs !== null,
        );
        const gap = last?.type === 'leader-changed' ? `last change ${latencyText(last.downtimeMs ?? 0)} · ` : '';
        return draw(view.lines, `${gap}${view.range}`);
      }
      case 'links':
        return draw(linksView(observation, body).lines, 'round trip');
      case 'logs':
        return { rows: this.#logs(rect, place), first: 0 };
    }
  }

  /** Only the title is React's: the rows below change with every line of a flood. */
  #logs(rect: Rect, { state, theme }: Place): readonly string[] {
    const { pane } = this.#setting;
    const { width } = rect;
    const height = rect.height - 1;
    const focused = state.focus === 'logs';
    const title = titleLine(titles.logs, [], width, focused);
    const rule =
      this.#draw('logs', title, () => <LineText line={title} width={width} />, { width, height: 1 }, theme)[0] ?? '';
    if (pane === null) {
      const text = this.#draw(
        'no-logs',
        noPane,
        () => <LineText line={noPane} width={width} />,
        { width, height: 1 },
        theme,
      );
      return [rule, ...text];
    }
    const key = `${width},${height},${theme.name}`;
    if (this.#paneIsStale || key !== this.#paneKey) {
      const statusWidth = Math.max(1, width - 12);
      // The rows first: drawing them settles what the status says of them.
      const rows = pane.rows(width, height, theme).slice(0, height);
      this.#paneKey = key;
      this.#paneIsStale = false;
      this.#paneRows = [pane.status(statusWidth, theme), ...rows];
    }
    const [status = '', ...rows] = this.#paneRows;
    return [withStatus(rule, status, width, theme, focused), ...rows];
  }

  #draw(name: string, view: unknown, node: () => ReactNode, { width, height }: Size, theme: Theme): readonly string[] {
    const surface = this.#surfaces.get(name) ?? new Surface();
    this.#surfaces.set(name, surface);
    return surface.draw(JSON.stringify(view), node, width, height, theme);
  }
}

interface Place {
  readonly observation: Observation;
  readonly state: UiState;
  readonly theme: Theme;
}

/** The pane's own words in the right end of its title. */
function withStatus(rule: string, status: string, width: number, theme: Theme, focused: boolean): string {
  if (status === '') return rule;
  const words = ` ${status} ${theme.paint(focused ? 'accent' : 'border', focused ? '━' : '─')}`;
  const wordsWidth = Math.min(width, visibleWidth(words));
  return overlayRow(rule, words, width - wordsWidth, wordsWidth, width);
}

/** The rows of a screen, filled part by part: from the left to the right where parts stand side by side. */
class Rows {
  readonly rows: string[];
  readonly #width: number;
  readonly #height: number;

  constructor({ width, height }: Size) {
    this.#width = width;
    this.#height = height;
    this.rows = new Array<string>(height).fill('');
  }

  put(rect: Rect, rows: readonly string[]): void {
    for (let at = 0; at < rect.height; at++) {
      const row = rows[at] ?? '';
      const before = this.rows[rect.row + at] ?? '';
      this.rows[rect.row + at] = rect.column === 0 ? row : `${padRow(before, rect.column)}\x1b[0m${row}`;
    }
  }

  /** Over the middle of what is there. */
  lay(rows: readonly string[], { width, height }: Size): void {
    const top = Math.max(0, Math.floor((this.#height - height) / 2));
    const column = Math.max(0, Math.floor((this.#width - width) / 2));
    for (let at = 0; at < Math.min(height, this.#height); at++) {
      const under = this.rows[top + at] ?? '';
      this.rows[top + at] = overlayRow(under, rows[at] ?? '', column, width, this.#width);
    }
  }
}
