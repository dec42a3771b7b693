/** Which keys do what: the defaults, and what the user's `keys` make of them. Pure. */
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';

/** Everything that a key can do in the dashboard, in the order of the help; and what the help says of it. */
export const bindable = {
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
} as const satisfies Record<string, { keys: readonly string[]; label: string; help: string }>;

export type Binding = keyof typeof bindable;
export const bindingNames = Object.keys(bindable) as readonly Binding[]; // its keys are all that it has

/** Keys as the user's file has them: by what they do, one or several. */
export type KeySettings = Readonly<Record<string, string | readonly string[]>>;

export interface Keymap {
  bindingOf(key: string): Binding | null;
  /** The keys of a binding, the first one to be shown. */
  keysOf(binding: Binding): readonly string[];
}

/** The defaults with the user's keys over them; a key that the user gives to something is taken from whatever had it. */
export function keymapOf(settings: KeySettings): Result<Keymap, string> {
  const keys = new Map<Binding, readonly string[]>(bindingNames.map((name) => [name, bindable[name].keys]));
  const taken = new Map<string, Binding>();
  for (const [name, given] of Object.entries(settings)) {
    const binding = bindingNames.find((one) => one === name);
    if (binding === undefined)
      return err(`keys: there is nothing called ${name}: known are ${bindingNames.join(', ')}`);
    const wanted = typeof given === 'string' ? [given] : given;
    for (const key of wanted) {
      if (!isKey(key))
        return err(`keys: ${name}: ${JSON.stringify(key)} is no key: expected one such as x, ctrl-k, f5 or page-up`);
      const other = taken.get(key);
      if (other !== undefined && other !== binding) return err(`keys: ${key} cannot be both ${other} and ${name}`);
      taken.set(key, binding);
    }
    keys.set(binding, wanted);
  }
  for (const [binding, own] of keys) {
    const left = own.filter((key) => (taken.get(key) ?? binding) === binding);
    keys.set(binding, left);
  }
  if (keys.get('quit')?.length === 0) return err('keys: nothing would quit any more: give quit a key');
  const bindings = new Map([...keys].flatMap(([binding, own]) => own.map((key) => [key, binding] as const)));
  return ok({
    bindingOf: (key) => bindings.get(key) ?? null,
    keysOf: (binding) => keys.get(binding) ?? [],
  });
}

const named =
  /^(?:ctrl-)?(?:alt-)?(?:shift-)?(?:enter|escape|tab|backspace|delete|insert|up|down|left|right|home|end|page-up|page-down|space|f(?:[1-9]|1[0-2]))$/;

function isKey(key: string): boolean {
  return named.test(key) || /^(?:ctrl-[a-z]|(?:alt-)?[^\s\p{C}])$/u.test(key);
}

const signs: Readonly<Record<string, string>> = {
  up: '↑',
  down: '↓',
  left: '←',
  right: '→',
  enter: '⏎',
  escape: 'Esc',
  tab: 'Tab',
  'shift-tab': '⇧Tab',
  space: 'Space',
};

/** As it is shown: `^P`, `⏎`, `Tab`. */
export function keyText(key: string): string {
  if (/^ctrl-[a-z]$/.test(key)) return `^${key.slice(-1).toUpperCase()}`;
  return signs[key] ?? key;
}
