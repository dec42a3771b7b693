/** Which keys do what: the defaults, and what the user's `keys` make of them. Pure. */
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { AnyBinding, Binding, DialogBinding, LogBinding, SwitchBinding, TextBinding } from './bindings.ts';
import {
  allBindings,
  dialogBindings,
  logBindings,
  namesOf,
  needed,
  places,
  screenBindings,
  switchBindings,
  textBindings,
} from './bindings.ts';

/** Keys as a user's file has them: by what they do, one or several. */
export type KeySettings = Readonly<Record<string, string | readonly string[]>>;

export interface Keymap {
  /** On the screen as a whole. */
  bindingOf(key: string): Binding | null;
  logBindingOf(key: string): LogBinding | null;
  dialogBindingOf(key: string): DialogBinding | null;
  textBindingOf(key: string): TextBinding | null;
  switchBindingOf(key: string): SwitchBinding | null;
  /** The keys of a binding, the first one to be shown. */
  keysOf(binding: AnyBinding): readonly string[];
}

/** What is wrong with the user's keys, and where in them. */
export interface KeyProblem {
  /** The entry that is meant. */
  readonly name: string;
  /** Which key of its list; null: all that is said there. */
  readonly index: number | null;
  /** Its name is wrong, or what is said about it. */
  readonly target: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
}

type Keys = Map<AnyBinding, readonly string[]>;

/**
 * The defaults with the user's keys over them, in the order of the files: a key that is given to something is taken from whatever had it
 * in the same place. The error is all that is wrong with the last file that something is wrong with.
 */
export function keymapOf(...files: readonly KeySettings[]): Result<Keymap, readonly KeyProblem[]> {
  const keys: Keys = new Map(namesOf(allBindings).map((name) => [name, allBindings[name].keys]));
  for (const settings of files) {
    const given = givenKeys(settings);
    if (!given.ok) return given;
    give(keys, given.value);
    const missing = missingKeys(keys, settings);
    if (missing.length > 0) return err(missing);
  }
  return ok({
    bindingOf: lookUp(namesOf(screenBindings), keys),
    logBindingOf: lookUp(namesOf(logBindings), keys),
    dialogBindingOf: lookUp(namesOf(dialogBindings), keys),
    textBindingOf: lookUp(namesOf(textBindings), keys),
    switchBindingOf: lookUp(namesOf(switchBindings), keys),
    keysOf: (binding) => keys.get(binding) ?? [],
  });
}

/** All problems of one file that it has by itself. */
export function keyProblems(settings: KeySettings): readonly KeyProblem[] {
  const made = keymapOf(settings);
  return made.ok ? [] : made.error;
}

function lookUp<Name extends AnyBinding>(names: readonly Name[], keys: Keys): (key: string) => Name | null {
  const bound = new Map(names.flatMap((name) => (keys.get(name) ?? []).map((key) => [key, name] as const)));
  return (key) => bound.get(key) ?? null;
}

/** What one file gives, once everything in it is known to be right. */
function givenKeys(settings: KeySettings): Result<Keys, readonly KeyProblem[]> {
  const problems: KeyProblem[] = [];
  const given: Keys = new Map();
  for (const [name, value] of Object.entries(settings)) {
    const binding = namesOf(allBindings).find((one) => one === name);
    if (binding === undefined) {
      problems.push({
        name,
        index: null,
        target: 'key',
        message: `there is nothing called ${name}`,
        hint: known(name),
      });
      continue;
    }
    const wanted = typeof value === 'string' ? [value] : value;
    for (const [index, key] of wanted.entries()) {
      const at = { name, index: typeof value === 'string' ? null : index, target: 'value' } as const;
      const other = [...given].find(([one, keys]) => keys.includes(key) && meet(one, binding))?.[0];
      if (!isKey(key)) problems.push({ ...at, ...noKey(name, key) });
      else if (other !== undefined) problems.push({ ...at, message: `${key} cannot be both ${other} and ${name}` });
      else if (binding.startsWith('text-') && typesText(key)) {
        const message = `${name}: ${key} is needed to be typed`;
        problems.push({ ...at, message, hint: 'give it one such as ctrl-k or f5' });
      }
    }
    given.set(binding, wanted);
  }
  return problems.length > 0 ? err(problems) : ok(given);
}

/** Takes keys from what had them in the same place. */
function give(keys: Keys, given: Keys): void {
  for (const [binding, own] of keys) {
    const left = own.filter(
      (key) => ![...given].some(([other, wanted]) => wanted.includes(key) && meet(other, binding)),
    );
    keys.set(binding, left);
  }
  for (const [binding, wanted] of given) keys.set(binding, wanted);
}

function missingKeys(keys: Keys, settings: KeySettings): KeyProblem[] {
  return needed.flatMap(([binding, what]): KeyProblem[] => {
    if ((keys.get(binding) ?? []).length > 0) return [];
    const taken = allBindings[binding].keys;
    const taker = Object.entries(settings).find(([, value]) => taken.some((key) => [value].flat().includes(key)));
    const name = binding in settings ? binding : (taker?.[0] ?? binding);
    const message = `nothing would ${what} any more`;
    return [{ name, index: null, target: 'value', message, hint: `give ${binding} a key` }];
  });
}

/** True if keys of both are told apart from each other somewhere. */
function meet(one: AnyBinding, other: AnyBinding): boolean {
  return places.some((place) => place.includes(one) && place.includes(other));
}

/** What was meant if letters are missing or too many, or else those that are called alike, or all. */
function known(name: string): string {
  const all = namesOf(allBindings);
  const start = name.replace(/-.*/, '').slice(0, 3);
  const meant = all.find(
    (one) => Math.abs(one.length - name.length) <= 2 && (hasLetters(one, name) || hasLetters(name, one)),
  );
  if (meant !== undefined) return `did you mean ${meant}?`;
  const alike = all.filter((one) => one.split('-').some((word) => word.startsWith(start)));
  return `known are ${(alike.length > 0 ? alike : all).join(', ')}`;
}

/** All letters of `part` are in `text`, in their order. */
function hasLetters(text: string, part: string): boolean {
  let at = 0;
  for (const letter of text) if (letter === part[at]) at++;
  return at === part.length;
}

function noKey(name: string, key: string): { readonly message: string; readonly hint: string } {
  const sent = sentAs[key];
  if (sent !== undefined)
    return { message: `${name}: ${key} is no key of its own`, hint: `terminals send ${sent} for it` };
  return {
    message: `${name}: ${JSON.stringify(key)} is no key`,
    hint: 'expected one such as x, ctrl-k, f5 or page-up',
  };
}

/** A single character: it would be missed in texts. */
function typesText(key: string): boolean {
  return [...key].length === 1 || key === 'space';
}

const named =
  /^(?:ctrl-)?(?:alt-)?(?:shift-)?(?:enter|escape|tab|backspace|delete|insert|up|down|left|right|home|end|page-up|page-down|space|f(?:[1-9]|1[0-2]))$/;

/** What terminals send for keys that they do not tell from others. */
const sentAs: Readonly<Record<string, string>> = {
  'ctrl-h': 'backspace',
  'ctrl-i': 'tab',
  'ctrl-j': 'enter',
  'ctrl-m': 'enter',
};

function isKey(key: string): boolean {
  if (key in sentAs) return false;
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
  backspace: 'Bksp',
  delete: 'Del',
  insert: 'Ins',
  home: 'Home',
  end: 'End',
  'page-up': 'PgUp',
  'page-down': 'PgDn',
};

/** As it is shown: `^P`, `⏎`, `Tab`, `Alt-c`, `F5`. */
export function keyText(key: string): string {
  if (/^ctrl-[a-z]$/.test(key)) return `^${key.slice(-1).toUpperCase()}`;
  if (/^f\d+$/.test(key)) return key.toUpperCase();
  return signs[key] ?? key.replace(/^alt-/, 'Alt-');
}
