/** Everything that a key can do in the dashboard, where it can do that, and its keys unless the user says otherwise. Pure. */

export interface Bindable {
  readonly keys: readonly string[];
  /** In the key bar. */
  readonly label: string;
  /** In the help. */
  readonly help: string;
}

type Table = Readonly<Record<string, Bindable>>;

/** On the run, and on the screen as a whole; in the order of the help. */
export const screenBindings = {
  kill: { keys: ['k'], label: 'kill', help: 'Kill the selected process (SIGKILL)' },
  'kill-leader': { keys: ['K'], label: 'kill leader', help: 'Kill the leader' },
  pause: { keys: ['p'], label: 'pause', help: 'Pause it (SIGSTOP), or let it go on' },
  partition: { keys: ['x'], label: 'partition', help: 'Cut links: isolate, halves, one direction' },
  delay: { keys: ['l'], label: 'latency', help: 'Delay its messages' },
  loss: { keys: ['L'], label: 'loss', help: 'Lose a share of its messages' },
  disk: { keys: ['d'], label: 'disk', help: 'Slow or failing syncs' },
  'move-leader': { keys: ['m'], label: 'move leader', help: 'Hand leadership to another member' },
  heal: { keys: ['h'], label: 'heal', help: 'Heal one fault' },
  'heal-all': { keys: ['H'], label: 'heal all', help: 'Heal all faults' },
  undo: { keys: ['u'], label: 'undo', help: 'Heal the youngest fault' },
  stop: { keys: ['s'], label: 'stop/start', help: 'Stop the selected process, or start it' },
  restart: { keys: ['r'], label: 'restart', help: 'Restart it' },
  copy: { keys: ['y'], label: 'copy', help: 'Copy the command that does what was done last' },
  zoom: { keys: ['enter', 'z'], label: 'zoom', help: 'The focused part alone, and back' },
  'focus-next': { keys: ['tab'], label: 'focus', help: 'Focus the next part' },
  'focus-previous': { keys: ['shift-tab'], label: 'focus back', help: 'Focus the part before' },
  up: { keys: ['up'], label: 'up', help: 'Select the process above' },
  down: { keys: ['down'], label: 'down', help: 'Select the process below' },
  earlier: { keys: ['left'], label: 'earlier', help: 'Timeline: scroll back' },
  later: { keys: ['right'], label: 'later', help: 'Timeline: scroll forward' },
  first: { keys: ['home'], label: 'start', help: 'Timeline: the start of the run' },
  live: { keys: ['end'], label: 'now', help: 'Timeline: follow what happens now' },
  closer: { keys: ['+', '='], label: 'closer', help: 'Timeline: zoom in' },
  wider: { keys: ['-'], label: 'wider', help: 'Timeline: zoom out' },
  overview: { keys: ['1'], label: 'overview', help: 'View: everything' },
  leadership: { keys: ['2'], label: 'leadership', help: 'View: who led when' },
  links: { keys: ['3'], label: 'links', help: 'View: links and faults' },
  logs: { keys: ['4'], label: 'logs', help: 'View: logs alone' },
  palette: { keys: [':', 'ctrl-p'], label: 'commands', help: 'Find any command' },
  theme: { keys: ['t'], label: 'theme', help: 'The next theme' },
  help: { keys: ['?', 'f1'], label: 'help', help: 'This help' },
  back: { keys: ['escape'], label: 'back', help: 'Close what is open' },
  redraw: { keys: ['ctrl-l'], label: 'redraw', help: 'Draw the screen anew' },
  suspend: { keys: ['ctrl-z'], label: 'suspend', help: 'Back to the shell; fg returns' },
  quit: { keys: ['q', 'ctrl-c'], label: 'quit', help: 'Stop everything and quit; again: kill' },
} as const satisfies Table;

/** In the log pane, while it has the focus; the most important first. */
export const logBindings = {
  'log-search': { keys: ['/'], label: 'search', help: 'Search the whole history for a pattern' },
  'log-next': { keys: ['n'], label: 'next', help: 'The next match' },
  'log-previous': { keys: ['N'], label: 'previous', help: 'The match before' },
  'log-follow': { keys: ['f', 'space'], label: 'follow', help: 'Follow the end, or stand still' },
  'log-switch': { keys: ['b'], label: 'processes', help: 'Switch processes on and off' },
  'log-level': { keys: ['e'], label: 'level', help: 'Levels: all, info, warn, errors' },
  'log-filter': { keys: ['&'], label: 'filter', help: 'Show only lines that match' },
  'log-wrap': { keys: ['w'], label: 'wrap', help: 'Wrap long lines' },
  'log-select': { keys: ['v'], label: 'select', help: 'Select lines' },
  'log-copy': { keys: ['c', 'y'], label: 'copy', help: 'Copy what is selected' },
  'log-copy-command': { keys: ['Y'], label: 'copy command', help: 'Copy the command that prints these lines' },
  'log-mark': { keys: ['m', 'M'], label: 'mark', help: 'A mark across the log at this moment' },
  'log-pager': { keys: ['o'], label: 'pager', help: 'Open in $PAGER' },
  'log-time': { keys: ['T'], label: 'to a time', help: 'Go to a time' },
  'log-oldest': { keys: ['g', 'home'], label: 'oldest', help: 'The oldest line' },
  'log-newest': { keys: ['G', 'end'], label: 'newest', help: 'The newest line, and follow' },
  'log-one': { keys: ['.'], label: 'one process', help: 'One process after the other, then all' },
  'log-one-back': { keys: [','], label: 'one back', help: 'The same backwards' },
  'log-case': { keys: ['i'], label: 'ignore case', help: 'Patterns in any case, or as typed' },
  'log-raw': { keys: ['j'], label: 'JSON', help: 'zap lines as they were written' },
  'log-clear': { keys: ['C'], label: 'clear', help: 'Clear the view, and bring all back' },
  'log-mark-above': { keys: ['['], label: 'mark above', help: 'The mark above' },
  'log-mark-below': { keys: [']'], label: 'mark below', help: 'The mark below' },
  'log-up': { keys: ['up'], label: 'up', help: 'A line up; a selection too' },
  'log-down': { keys: ['down'], label: 'down', help: 'A line down; a selection too' },
  'log-page-up': { keys: ['page-up', 'ctrl-b'], label: 'page up', help: 'A page up' },
  'log-page-down': { keys: ['page-down', 'ctrl-f'], label: 'page down', help: 'A page down' },
  'log-left': { keys: ['left'], label: 'left', help: 'To the left in long lines' },
  'log-right': { keys: ['right'], label: 'right', help: 'To the right in long lines' },
  'log-back': { keys: ['escape'], label: 'back', help: 'End a selection, the search, the filter' },
} as const satisfies Table;

/** In menus, questions, help and the palette. In the palette keys that type something type. */
export const dialogBindings = {
  'dialog-accept': { keys: ['enter'], label: 'do it', help: 'Do what is chosen' },
  'dialog-close': { keys: ['escape', 'q'], label: 'close', help: 'Close it' },
  'dialog-yes': { keys: ['y', 'Y'], label: 'yes', help: 'Yes, to a question' },
  'dialog-no': { keys: ['n', 'N'], label: 'no', help: 'No' },
  'dialog-up': { keys: ['up', 'shift-tab', 'ctrl-p'], label: 'up', help: 'Up' },
  'dialog-down': { keys: ['down', 'tab', 'ctrl-n'], label: 'down', help: 'Down' },
  'dialog-page-up': { keys: ['page-up'], label: 'page up', help: 'A page up' },
  'dialog-page-down': { keys: ['page-down', 'space'], label: 'page down', help: 'A page down' },
  'dialog-first': { keys: ['home'], label: 'first', help: 'The first' },
  'dialog-last': { keys: ['end'], label: 'last', help: 'The last' },
} as const satisfies Table;

/** While a text is typed: a search, a filter, a time; what erases, in the palette too. */
export const textBindings = {
  'text-enter': { keys: ['enter'], label: 'enter', help: 'It is typed' },
  'text-cancel': { keys: ['escape', 'ctrl-c'], label: 'cancel', help: 'Leave it' },
  'text-case': { keys: ['alt-c'], label: 'case', help: 'In any case, or as typed' },
  'text-older': { keys: ['up'], label: 'older', help: 'What was typed before' },
  'text-newer': { keys: ['down'], label: 'newer', help: 'What was typed after that' },
  'text-left': { keys: ['left'], label: 'left', help: 'To the left' },
  'text-right': { keys: ['right'], label: 'right', help: 'To the right' },
  'text-start': { keys: ['home', 'ctrl-a'], label: 'start', help: 'To the start' },
  'text-end': { keys: ['end', 'ctrl-e'], label: 'end', help: 'To the end' },
  'text-erase': { keys: ['backspace'], label: 'erase', help: 'Erase to the left' },
  'text-delete': { keys: ['delete'], label: 'delete', help: 'Erase to the right' },
  'text-erase-word': { keys: ['ctrl-w'], label: 'erase word', help: 'Erase a word' },
  'text-erase-all': { keys: ['ctrl-u'], label: 'erase all', help: 'Erase all before the cursor' },
} as const satisfies Table;

/** In the row that switches processes on and off. */
export const switchBindings = {
  'switch-toggle': { keys: ['space'], label: 'on/off', help: 'On or off' },
  'switch-only': { keys: ['o'], label: 'only', help: 'This one alone' },
  'switch-all': { keys: ['a', '0'], label: 'all', help: 'All' },
  'switch-previous': { keys: ['left', 'up'], label: 'previous', help: 'The one before' },
  'switch-next': { keys: ['right', 'down', 'tab'], label: 'next', help: 'The next one' },
  'switch-done': { keys: ['enter', 'escape', 'b', 'ctrl-c'], label: 'done', help: 'Done' },
} as const satisfies Table;

export type Binding = keyof typeof screenBindings;
export type LogBinding = keyof typeof logBindings;
export type DialogBinding = keyof typeof dialogBindings;
export type TextBinding = keyof typeof textBindings;
export type SwitchBinding = keyof typeof switchBindings;
export type AnyBinding = Binding | LogBinding | DialogBinding | TextBinding | SwitchBinding;

/** Of the screen's, those that do what they do in the log pane too, unless a text is typed there. */
export const everywhere: readonly Binding[] = [
  'quit',
  'help',
  'palette',
  'overview',
  'leadership',
  'links',
  'logs',
  'focus-next',
  'focus-previous',
  'suspend',
  'redraw',
];

/** What one could not do without, and what to call that. */
export const needed = [
  ['quit', 'quit'],
  ['dialog-close', 'close a dialog'],
  ['dialog-accept', 'choose in a dialog'],
  ['text-enter', 'end a text'],
  ['text-cancel', 'leave a text'],
  ['switch-done', 'close the switches of processes'],
] as const satisfies readonly (readonly [AnyBinding, string])[];

/** The names of a table, in its order. */
export function namesOf<Name extends string>(table: Readonly<Record<Name, Bindable>>): readonly Name[] {
  return Object.keys(table) as Name[]; // the keys of a table are all that it has
}

export const allBindings: Readonly<Record<AnyBinding, Bindable>> = {
  ...screenBindings,
  ...logBindings,
  ...dialogBindings,
  ...textBindings,
  ...switchBindings,
};

/** Where keys are told apart: of those at one place no two have the same. */
export const places: readonly (readonly AnyBinding[])[] = [
  namesOf(screenBindings),
  [...namesOf(logBindings), ...everywhere],
  namesOf(dialogBindings),
  namesOf(textBindings),
  namesOf(switchBindings),
];
