/** What the user has made of the dashboard, and how keys and clicks change it. Pure. */
import { unreachable } from '../../base/assert.ts';
import type { Observation } from '../../supervisor/observe/model.ts';
import type { Binding, DialogBinding } from '../input/bindings.ts';
import type { InputEvent, KeyEvent, MouseEvent } from '../input/event.ts';
import type { Keymap } from '../input/keymap.ts';
import type { DashboardAction } from '../source.ts';
import { commandText } from '../source.ts';
import type { ThemeName } from '../theme.ts';
import { themeNames } from '../theme.ts';
import type { ActionBinding, Choice } from './actions.ts';
import { wishOf } from './actions.ts';
import type { Layout, SectionName, ViewName } from './layout.ts';
import { sectionAt, viewNames } from './layout.ts';
import { paletteItems } from './palette.ts';
import type { TimelineWindow } from './timeline.ts';
import { defaultZoom, windowOf, zoomLevels } from './timeline.ts';

export type Dialog =
  | { readonly type: 'help'; readonly scroll: number }
  | { readonly type: 'palette'; readonly query: string; readonly index: number }
  | { readonly type: 'menu'; readonly title: string; readonly choices: readonly Choice[]; readonly index: number }
  | { readonly type: 'confirm'; readonly choice: Choice };

/** What the status line says. */
export interface Notice {
  readonly text: string;
  readonly level: 'info' | 'busy' | 'done' | 'failed';
}

export interface UiState {
  readonly view: ViewName;
  readonly focus: SectionName;
  readonly zoomed: boolean;
  /** The name of a process; null until there is one. */
  readonly selected: string | null;
  readonly window: TimelineWindow;
  readonly dialog: Dialog | null;
  readonly theme: ThemeName;
  readonly notice: Notice | null;
  /** What was done last, to be copied. */
  readonly lastAction: DashboardAction | null;
}

export type Effect =
  | { readonly type: 'act'; readonly action: DashboardAction }
  | { readonly type: 'copy'; readonly text: string }
  | { readonly type: 'quit' | 'suspend' | 'redraw' };

export interface Step {
  readonly state: UiState;
  readonly effects: readonly Effect[];
}

/** What is on the screen while the user does something. */
export interface Surroundings {
  readonly observation: Observation;
  readonly layout: Layout;
  readonly keymap: Keymap;
  /** The index of the process in the first row of the table, and on which screen row that is. */
  readonly firstProcess: number;
  readonly firstProcessRow: number;
  /** The last line that help can begin with, while it is open. */
  readonly helpScrollMax: number;
  /** The keys of the key bar by their columns, for clicks. */
  readonly keyBar: readonly { readonly from: number; readonly to: number; readonly key: string }[];
}

export function initialState(theme: ThemeName): UiState {
  return {
    view: 'overview',
    focus: 'members',
    zoomed: false,
    selected: null,
    window: { zoom: defaultZoom, endMs: null },
    dialog: null,
    theme,
    notice: null,
    lastAction: null,
  };
}

/** The state as the observation allows it: a process that is selected exists, a part that has the focus is shown. */
export function settle(state: UiState, observation: Observation, layout: Layout): UiState {
  const { processes } = observation;
  const selected = processes.some((one) => one.name === state.selected) ? state.selected : (processes[0]?.name ?? null);
  const shown = layout.sections.map((one) => one.name);
  const focus = shown.includes(state.focus) ? state.focus : (shown[0] ?? 'members');
  return selected === state.selected && focus === state.focus ? state : { ...state, selected, focus };
}

export function update(state: UiState, event: InputEvent, around: Surroundings): Step {
  switch (event.type) {
    case 'key':
      return state.dialog === null ? onKey(state, event, around) : onDialogKey(state, state.dialog, event, around);
    case 'mouse':
      return onMouse(state, event, around);
    case 'paste':
      return state.dialog?.type === 'palette'
        ? only({ ...state, dialog: { type: 'palette', query: state.dialog.query + firstLine(event.text), index: 0 } })
        : only(state);
    default:
      return unreachable(event);
  }
}

function firstLine(text: string): string {
  return text.split(/[\r\n]/)[0] ?? '';
}

function only(state: UiState): Step {
  return { state, effects: [] };
}

function onKey(state: UiState, { key }: KeyEvent, around: Surroundings): Step {
  const binding = around.keymap.bindingOf(key);
  return binding === null ? only(state) : perform(state, binding, around);
}

function perform(state: UiState, binding: Binding, around: Surroundings): Step {
  const { observation, layout } = around;
  switch (binding) {
    case 'quit':
      return { state, effects: [{ type: 'quit' }] };
    case 'suspend':
      return { state, effects: [{ type: 'suspend' }] };
    case 'redraw':
      return { state, effects: [{ type: 'redraw' }] };
    case 'help':
      return only({ ...state, dialog: { type: 'help', scroll: 0 } });
    case 'palette':
      return only({ ...state, dialog: { type: 'palette', query: '', index: 0 } });
    case 'theme': {
      const next = themeNames[(themeNames.indexOf(state.theme) + 1) % themeNames.length] ?? state.theme;
      return only({ ...state, theme: next, notice: { level: 'info', text: `theme: ${next}` } });
    }
    case 'overview':
    case 'leadership':
    case 'links':
    case 'logs':
      return only(withView(state, binding));
    case 'focus-next':
      return only(moveFocus(state, layout, 1));
    case 'focus-previous':
      return only(moveFocus(state, layout, -1));
    case 'zoom':
      return only({ ...state, zoomed: !state.zoomed });
    case 'back':
      return only(state.zoomed ? { ...state, zoomed: false } : { ...state, view: 'overview', notice: null });
    case 'up':
      return only(moveSelection(state, observation, -1));
    case 'down':
      return only(moveSelection(state, observation, 1));
    case 'earlier':
      return only(scroll(state, observation, -0.25));
    case 'later':
      return only(scroll(state, observation, 0.25));
    case 'first':
      return only({ ...state, window: { ...state.window, endMs: observation.startedMs } });
    case 'live':
      return only({ ...state, window: { ...state.window, endMs: null } });
    case 'closer':
      return only(zoomBy(state, -1));
    case 'wider':
      return only(zoomBy(state, 1));
    case 'copy': {
      if (state.lastAction === null)
        return only(said(state, 'Nothing to copy yet: the command of what you do comes here.'));
      const text = commandText(state.lastAction);
      return { state: said(state, `copied: ${text}`), effects: [{ type: 'copy', text }] };
    }
    case 'kill':
    case 'kill-leader':
    case 'pause':
    case 'partition':
    case 'delay':
    case 'loss':
    case 'disk':
    case 'move-leader':
    case 'heal':
    case 'heal-all':
    case 'undo':
    case 'stop':
    case 'restart':
      return wish(state, binding, observation);
    default:
      return unreachable(binding);
  }
}

function said(state: UiState, text: string): UiState {
  return { ...state, notice: { level: 'info', text } };
}

/** Choosing a view again ends the zoom. */
function withView(state: UiState, view: ViewName): UiState {
  const main: Readonly<Record<ViewName, SectionName>> = {
    overview: 'members',
    leadership: 'timeline',
    links: 'links',
    logs: 'logs',
  };
  return { ...state, view, zoomed: false, focus: main[view] };
}

function moveFocus(state: UiState, layout: Layout, by: number): UiState {
  if (state.zoomed) {
    const next = viewNames[(viewNames.indexOf(state.view) + by + viewNames.length) % viewNames.length] ?? 'overview';
    return withView(state, next);
  }
  const shown = layout.sections.map((one) => one.name);
  const next = shown[(shown.indexOf(state.focus) + by + shown.length) % shown.length];
  return { ...state, focus: next ?? state.focus };
}

function moveSelection(state: UiState, { processes }: Observation, by: number): UiState {
  const at = processes.findIndex((one) => one.name === state.selected);
  const next = processes[Math.max(0, Math.min(processes.length - 1, at + by))];
  return { ...state, selected: next?.name ?? state.selected };
}

/** By a share of the window; to its right end it follows again. */
function scroll(state: UiState, observation: Observation, share: number): UiState {
  const { fromMs, toMs } = windowOf(state.window, observation);
  const endMs = toMs + share * (toMs - fromMs);
  return { ...state, window: { ...state.window, endMs: endMs >= observation.atMs ? null : endMs } };
}

function zoomBy(state: UiState, by: number): UiState {
  const zoom = Math.max(0, Math.min(zoomLevels.length - 1, state.window.zoom + by));
  return { ...state, window: { ...state.window, zoom } };
}

function wish(state: UiState, binding: ActionBinding, observation: Observation): Step {
  const process = observation.processes.find((one) => one.name === state.selected) ?? null;
  const wished = wishOf(binding, process, observation);
  switch (wished.type) {
    case 'nothing':
      return only(said(state, wished.reason));
    case 'choose':
      return only({ ...state, dialog: { type: 'menu', title: wished.title, choices: wished.choices, index: 0 } });
    case 'do':
      return choose(state, wished.choice);
    default:
      return unreachable(wished);
  }
}

function choose(state: UiState, choice: Choice): Step {
  if (choice.question !== null) return only({ ...state, dialog: { type: 'confirm', choice } });
  return act(state, choice.action);
}

function act(state: UiState, action: DashboardAction): Step {
  const notice: Notice = { level: 'busy', text: commandText(action) };
  return { state: { ...state, dialog: null, lastAction: action, notice }, effects: [{ type: 'act', action }] };
}

function onDialogKey(state: UiState, dialog: Dialog, event: KeyEvent, around: Surroundings): Step {
  const { keymap } = around;
  const elsewhere = keymap.bindingOf(event.key);
  if ((event.key === 'ctrl-c' && elsewhere === 'quit') || (event.key === 'ctrl-z' && elsewhere === 'suspend')) {
    return onKey({ ...state, dialog: null }, event, around);
  }
  if (dialog.type === 'palette') return onPaletteKey(state, dialog, event, around);
  const binding = keymap.dialogBindingOf(event.key);
  if (binding === 'dialog-close') return only({ ...state, dialog: null });
  switch (dialog.type) {
    case 'help':
      return only(onHelpKey(state, dialog.scroll, binding, elsewhere === 'help', around));
    case 'confirm':
      if (binding === 'dialog-yes' || binding === 'dialog-accept') return act(state, dialog.choice.action);
      return only(binding === 'dialog-no' ? { ...state, dialog: null } : state);
    case 'menu': {
      const index = movedIndex(binding, dialog.index, dialog.choices.length);
      if (index !== null) return only({ ...state, dialog: { ...dialog, index } });
      const number = binding === null && /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
      const chosen = dialog.choices[binding === 'dialog-accept' ? dialog.index : number];
      return chosen === undefined ? only(state) : choose({ ...state, dialog: null }, chosen);
    }
    default:
      return unreachable(dialog);
  }
}

const pageRows = 10;

function onHelpKey(
  state: UiState,
  scroll: number,
  binding: DialogBinding | null,
  closes: boolean,
  { helpScrollMax }: Surroundings,
): UiState {
  if (closes || binding === 'dialog-accept') return { ...state, dialog: null };
  const to = scrolledTo(binding, scroll, helpScrollMax);
  if (to === null) return state;
  return { ...state, dialog: { type: 'help', scroll: Math.max(0, Math.min(to, helpScrollMax)) } };
}

/** Null if it moves nothing. */
function scrolledTo(binding: DialogBinding | null, scroll: number, max: number): number | null {
  switch (binding) {
    case 'dialog-up':
      return scroll - 1;
    case 'dialog-down':
      return scroll + 1;
    case 'dialog-page-up':
      return scroll - pageRows;
    case 'dialog-page-down':
      return scroll + pageRows;
    case 'dialog-first':
      return 0;
    case 'dialog-last':
      return max;
    default:
      return null;
  }
}

/** Null if it moves nothing. Up from the first is the last. */
function movedIndex(binding: DialogBinding | null, index: number, count: number): number | null {
  const last = Math.max(0, count - 1);
  if (binding === 'dialog-up' && index === 0) return last;
  if (binding === 'dialog-down' && index >= last) return 0;
  const to = scrolledTo(binding, index, last);
  return to === null ? null : Math.max(0, Math.min(to, last));
}

function onPaletteKey(
  state: UiState,
  dialog: Extract<Dialog, { type: 'palette' }>,
  { key, text }: KeyEvent,
  around: Surroundings,
): Step {
  const { query, index } = dialog;
  const ask = (next: string): Step => only({ ...state, dialog: { type: 'palette', query: next, index: 0 } });
  const editing = around.keymap.textBindingOf(key);
  if (editing === 'text-erase') return ask([...query].slice(0, -1).join(''));
  if (editing === 'text-erase-all') return ask('');
  if (editing === 'text-erase-word') return ask(query.replace(/\S+\s*$/, ''));
  if (text !== '') return ask(query + text);
  const binding = around.keymap.dialogBindingOf(key);
  if (binding === 'dialog-close') return only({ ...state, dialog: null });
  const items = paletteItems(query, around.observation, around.keymap);
  const moved = movedIndex(binding, index, items.length);
  if (moved !== null) return only({ ...state, dialog: { ...dialog, index: moved } });
  const item = binding === 'dialog-accept' ? items[index] : undefined;
  if (item === undefined) return only(state);
  const closed = { ...state, dialog: null };
  return item.type === 'choice' ? choose(closed, item.choice) : perform(closed, item.binding, around);
}

function onMouse(state: UiState, event: MouseEvent, around: Surroundings): Step {
  if (state.dialog !== null) return only(onDialogMouse(state, state.dialog, event, around));
  const { layout, observation } = around;
  const section = sectionAt(layout, event.row, event.column);
  if (event.action === 'wheel-up' || event.action === 'wheel-down') {
    const by = event.action === 'wheel-up' ? -1 : 1;
    if (section === 'members') return only(moveSelection(state, observation, by));
    return only(section === 'timeline' ? scroll(state, observation, by * 0.25) : state);
  }
  if (event.action !== 'press' || event.button !== 'left') return only(state);
  if (section === null) return only(state);
  const focused = { ...state, focus: section };
  if (section !== 'members') return only(focused);
  const process = observation.processes[around.firstProcess + event.row - around.firstProcessRow];
  const isRow = event.row >= around.firstProcessRow && process !== undefined;
  return only(isRow ? { ...focused, selected: process.name } : focused);
}

/** The wheel moves in it, a click closes it. */
function onDialogMouse(state: UiState, dialog: Dialog, { action }: MouseEvent, around: Surroundings): UiState {
  const binding = action === 'wheel-up' ? 'dialog-up' : action === 'wheel-down' ? 'dialog-down' : null;
  if (binding === null) return action === 'press' ? { ...state, dialog: null } : state;
  switch (dialog.type) {
    case 'help':
      return onHelpKey(state, dialog.scroll, binding, false, around);
    case 'menu':
      return {
        ...state,
        dialog: { ...dialog, index: movedIndex(binding, dialog.index, dialog.choices.length) ?? dialog.index },
      };
    case 'palette': {
      const { length } = paletteItems(dialog.query, around.observation, around.keymap);
      return { ...state, dialog: { ...dialog, index: movedIndex(binding, dialog.index, length) ?? dialog.index } };
    }
    case 'confirm':
      return state;
    default:
      return unreachable(dialog);
  }
}
