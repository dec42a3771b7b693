/** The dashboard on a terminal: takes keys in, brings frames out, and asks the source of the run for facts and deeds. */
import type { ReadStream, WriteStream } from 'node:tty';
import { unreachable } from '../base/assert.ts';
import type { Observation } from '../supervisor/observe/model.ts';
import type { FrameInput } from './frame.tsx';
import { Frame } from './frame.tsx';
import { everywhere } from './input/bindings.ts';
import type { InputEvent, MouseEvent } from './input/event.ts';
import type { Keymap } from './input/keymap.ts';
import { InputParser } from './input/parser.ts';
import type { Pane, PaneHost } from './pane.ts';
import type { DashboardAction, DashboardSource } from './source.ts';
import { commandText } from './source.ts';
import { Painter } from './terminal/painter.ts';
import { Terminal } from './terminal/terminal.ts';
import type { ThemeName } from './theme.ts';
import type { Layout, Rect } from './view-model/layout.ts';
import type { Effect, Notice, Surroundings, UiState } from './view-model/ui-state.ts';
import { initialState, settle, update } from './view-model/ui-state.ts';

/** How often the screen follows what happens by itself; keys are answered at once. */
const tickMs = 250;
/** Figures that change all the time need no more than every second of these; events are shown with the next. */
const ticksOfFigures = 2;
/** How long a notice stands that nothing replaces. */
const noticeMs = 10_000;
/** When everything has started, and before most people want something. */
const warmUpMs = 2_000;
/** An escape key alone is told from a sequence by nothing coming after it. */
const escapeMs = 40;

export interface DashboardOptions {
  readonly source: DashboardSource;
  readonly keymap: Keymap;
  readonly theme: ThemeName;
  readonly input: ReadStream;
  readonly output: WriteStream & { readonly fd: number };
  /** The log pane; null if there is nothing to show in one. */
  readonly pane: (host: PaneHost) => Pane | null;
  /** Local time minus UTC. */
  readonly offsetMinutes: number;
  /** Each time the user wants to quit; the dashboard stays until it is closed. */
  onQuit(): void;
  /** It has closed itself, because it has a bug; the run goes on. */
  onFailed(error: unknown): void;
}

export class Dashboard {
  readonly #options: DashboardOptions;
  readonly #terminal: Terminal;
  readonly #painter = new Painter();
  readonly #parser = new InputParser();
  readonly #pane: Pane | null;
  readonly #frame: Frame;
  #state: UiState;
  #around: Surroundings | null = null;
  #ticks: NodeJS.Timeout | null = null;
  #escape: NodeJS.Timeout | null = null;
  #warmUp: NodeJS.Timeout | null = null;
  #unsubscribe: () => void = () => {};
  /** Something that is drawn has changed since the last frame. */
  #stale = true;
  /** As it is drawn. */
  #observation: Observation;
  #ticksSince = 0;
  #noticed: { readonly notice: Notice | null; readonly sinceMs: number } = { notice: null, sinceMs: 0 };
  /** A frame waits for the terminal to take the one before. */
  #held = false;
  #closed = false;
  #away = false;
  /** The mouse was pressed in the log pane, and is not released yet. */
  #dragging = false;

  constructor(options: DashboardOptions) {
    const { input, output, keymap, offsetMinutes } = options;
    this.#options = options;
    this.#state = initialState(options.theme);
    this.#observation = options.source.observation();
    this.#terminal = new Terminal(input, output, {
      onText: (text) => this.#guarded(() => this.#onText(text)),
      onResize: () => this.#guarded(() => this.#repaint()),
      onReturned: () => this.#guarded(() => this.#repaint()),
      onDrained: () => this.#guarded(() => this.#onDrained()),
    });
    this.#pane = options.pane({
      changed: () => {
        this.#paneChanged();
        setImmediate(() => this.#guarded(() => this.#paint()));
      },
      copy: (text) => this.#copy(text),
      say: (text) => this.say(text),
      handOver: (run) => this.#handOver(run),
    });
    this.#frame = new Frame({ keymap, pane: this.#pane, offsetMinutes });
  }

  open(): void {
    this.#guarded(() => {
      this.#terminal.enter();
      this.#unsubscribe = this.#options.source.subscribe(() => {}); // looked at with each tick
      this.#ticks = setInterval(() => this.#guarded(() => this.#tick()), tickMs);
      this.#tick();
      this.#warmUp = setTimeout(() => this.#guarded(() => this.#frame.warmUp(this.#drawn())), warmUpMs);
    });
  }

  /** A line for the user to see. */
  say(text: string): void {
    this.#guarded(() => {
      this.#state = { ...this.#state, notice: { level: 'info', text } };
      this.#stale = true;
      this.#paint();
    });
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#ticks ?? undefined);
    clearTimeout(this.#escape ?? undefined);
    clearTimeout(this.#warmUp ?? undefined);
    this.#terminal.close();
    this.#unsubscribe();
    this.#pane?.close();
    this.#frame.close();
  }

  /** What is wrong with drawing must not end the run. */
  #guarded(work: () => void): void {
    if (this.#closed) return;
    try {
      work();
    } catch (error) {
      this.#terminal.leave();
      this.#closed = true;
      clearInterval(this.#ticks ?? undefined);
      clearTimeout(this.#escape ?? undefined);
      clearTimeout(this.#warmUp ?? undefined);
      this.#unsubscribe();
      this.#options.onFailed(error);
    }
  }

  #tick(): void {
    if (this.#away) return;
    if (this.#pane?.tick() === true) this.#paneChanged();
    this.#ticksSince++;
    const newest = this.#options.source.observation();
    if (this.#ticksSince >= ticksOfFigures || newest.events !== this.#observation.events) this.#observe(newest);
    this.#expireNotice();
    this.#paint();
  }

  #observe(newest: Observation): void {
    this.#ticksSince = 0;
    if (newest === this.#observation) return;
    this.#observation = newest;
    this.#stale = true;
  }

  #expireNotice(): void {
    const { notice } = this.#state;
    if (notice !== this.#noticed.notice) this.#noticed = { notice, sinceMs: performance.now() };
    if (notice === null || notice.level === 'busy' || performance.now() - this.#noticed.sinceMs < noticeMs) return;
    this.#state = { ...this.#state, notice: null };
    this.#stale = true;
  }

  #paneChanged(): void {
    this.#frame.paneChanged();
    this.#stale = true;
  }

  #repaint(): void {
    this.#painter.forget();
    this.#paneChanged();
    this.#paint();
  }

  #onDrained(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#paint();
  }

  #paint(): void {
    if (!this.#stale || this.#away) return;
    if (this.#terminal.busy) {
      this.#held = true;
      return;
    }
    this.#stale = false;
    let { rows, around } = this.#frame.draw(this.#drawn());
    const settled = settle(this.#state, this.#observation, around.layout);
    if (settled !== this.#state) {
      this.#state = settled;
      ({ rows, around } = this.#frame.draw(this.#drawn()));
    }
    this.#around = around;
    const bytes = this.#painter.paint(rows, this.#terminal.size.width);
    if (bytes !== '') this.#terminal.write(bytes);
  }

  #drawn(): FrameInput {
    const { title } = this.#options.source;
    return { title, observation: this.#observation, state: this.#state, size: this.#terminal.size };
  }

  #onText(text: string): void {
    clearTimeout(this.#escape ?? undefined);
    this.#escape = null;
    this.#onEvents(this.#parser.feed(text));
    if (this.#parser.undecided) {
      this.#escape = setTimeout(() => this.#guarded(() => this.#onEvents(this.#parser.flush())), escapeMs);
    }
  }

  #onEvents(events: readonly InputEvent[]): void {
    for (const given of events) {
      if (this.#around === null || this.#closed || this.#away) return;
      const event = this.#pressedInBar(given, this.#around) ?? given;
      if (this.#offeredToPane(event, this.#around.layout)) {
        this.#paneChanged();
        continue;
      }
      // What a key means is decided by what is so now, not by what was drawn.
      this.#observe(this.#options.source.observation());
      const around = { ...this.#around, observation: this.#observation };
      const { state, effects } = update(this.#state, event, around);
      this.#state = state;
      this.#stale = true;
      // Each event refers to the screen as those before it have made it.
      this.#paint();
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#paint();
  }

  /** The key that a click on the key bar stands for; null if it is no such thing. */
  #pressedInBar(event: InputEvent, { layout, keyBar }: Surroundings): InputEvent | null {
    if (event.type !== 'mouse' || event.action !== 'press' || event.button !== 'left') return null;
    if (event.row !== layout.keys.row || this.#state.dialog !== null || this.#pane?.typing === true) return null;
    const hit = keyBar.find((one) => event.column >= one.from && event.column < one.to);
    return hit === undefined ? null : { type: 'key', key: hit.key, text: '' };
  }

  /** True if the log pane had a use for it. */
  #offeredToPane(event: InputEvent, layout: Layout): boolean {
    const pane = this.#pane;
    const rect = layout.sections.find((one) => one.name === 'logs')?.rect;
    if (pane === null || rect === undefined || this.#state.dialog !== null) return false;
    const focused = this.#state.focus === 'logs';
    switch (event.type) {
      case 'key': {
        const binding = this.#options.keymap.bindingOf(event.key);
        if (!focused || (event.key === 'ctrl-c' && binding === 'quit')) return false;
        if (!pane.typing && binding !== null && everywhere.includes(binding)) return false;
        return pane.key(event);
      }
      case 'paste':
        return focused && pane.paste(event.text);
      case 'mouse':
        return this.#mouseToPane(pane, event, rect);
      default:
        return unreachable(event);
    }
  }

  /** A drag that began in it stays its own until the button is released, wherever that is. */
  #mouseToPane(pane: Pane, event: MouseEvent, rect: Rect): boolean {
    const row = event.row - rect.row - 1;
    const column = event.column - rect.column;
    const isInside = row >= 0 && row < rect.height - 1 && column >= 0 && column < rect.width;
    const isDragging = this.#dragging && (event.action === 'drag' || event.action === 'release');
    if (event.action === 'release') this.#dragging = false;
    if (!isInside && !isDragging) return false;
    if (event.action === 'press') this.#state = { ...this.#state, focus: 'logs' };
    const within = (value: number, count: number) => Math.max(0, Math.min(value, count - 1));
    const taken = pane.mouse({ ...event, row: within(row, rect.height - 1), column: within(column, rect.width) });
    if (event.action === 'press') this.#dragging = taken;
    return taken;
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'act':
        void this.#act(effect.action);
        return;
      case 'copy':
        this.#copy(effect.text);
        return;
      case 'quit':
        this.say('stopping everything; once more kills what is left');
        this.#options.onQuit();
        return;
      case 'suspend':
        this.#terminal.suspend();
        return;
      case 'redraw':
        this.#repaint();
        return;
      default:
        unreachable(effect);
    }
  }

  async #act(action: DashboardAction): Promise<void> {
    const done = await this.#options.source.act(action);
    this.#guarded(() => {
      this.#observe(this.#options.source.observation());
      const said = done.ok ? done.value : done.error;
      const text = said === '' ? commandText(action) : (said.split('\n')[0] ?? '');
      this.#state = { ...this.#state, notice: { level: done.ok ? 'done' : 'failed', text } };
      this.#stale = true;
      this.#paint();
    });
  }

  /** OSC 52: terminals that do not know it, or may not, ignore it. */
  #copy(text: string): void {
    this.#terminal.write(`\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`);
  }

  async #handOver(run: () => Promise<void>): Promise<void> {
    this.#away = true;
    this.#terminal.leave();
    try {
      await run();
    } finally {
      this.#away = false;
      this.#guarded(() => {
        this.#terminal.enter();
        this.#repaint();
      });
    }
  }
}
