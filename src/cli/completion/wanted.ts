/** What a shell wants completed: which kind of word, from what has been typed before the cursor. Pure. */
import type { Arguments } from '../arguments.ts';
import { findFlag, parseArguments } from '../arguments.ts';
import type { Kind } from '../catalogue.ts';
import { commandInfos, flagInfos } from '../catalogue.ts';
import type { Options } from '../syntax.ts';
import { syntax } from '../syntax.ts';
import { wantedOfFault } from './fault-words.ts';

export interface Candidate {
  readonly word: string;
  readonly summary: string;
}

export type Wanted =
  | { readonly type: 'candidates'; readonly candidates: readonly Candidate[] }
  /** A word of this kind, with `prefix` before it; `used` words are not wanted again. */
  | { readonly type: 'kind'; readonly kind: Kind; readonly prefix: string; readonly used: readonly string[] };

export interface Question {
  readonly wanted: Wanted;
  /** What the flags typed so far say. */
  readonly values: Options;
  readonly given: ReadonlySet<string>;
}

type Parsed = Arguments<typeof syntax.flags>;

/** `words` are those between the program's name and `current`, the one that is being typed; null if they make no sense. */
export function whatIsWanted(words: readonly string[], current: string): Question | null {
  const before = parseArguments(syntax, words.slice(0, -1));
  const awaiting = before.ok && !words.includes('--') ? awaitingValue(before.value, words.at(-1) ?? '') : null;
  const parsed = awaiting === null ? parseArguments(syntax, words) : before;
  if (!parsed.ok) return null;
  const { values, given } = parsed.value;
  const wanted = awaiting === null ? wantedAfter(parsed.value, words, current) : ofFlag(awaiting, '');
  return { wanted, values, given };
}

function wantedAfter({ command, words: operands }: Parsed, words: readonly string[], current: string): Wanted {
  const [first] = operands;
  const isVerbatim = command !== null && first !== undefined && syntax.isVerbatim(command, first);
  if (isVerbatim) return kind({ type: 'files' });
  const ofFault = command === 'fault' ? wantedOfFault(operands, current) : null;
  if (ofFault !== null) return ofFault;
  if (current.startsWith('-') && !words.includes('--')) return flagOrValue(command, current);
  if (command === null)
    return candidates(Object.entries(commandInfos).map(([word, { summary }]) => ({ word, summary })));
  if (command === 'run' && operands.length > 0 && !takesNames(first)) return candidates([]);
  const all = commandInfos[command]?.operands ?? [];
  const operand = all[Math.min(operands.length, all.length - 1)];
  return operand === undefined ? candidates([]) : kind(operand, '', operands);
}

/** `run stop NAME`, but not `run list`. */
function takesNames(word: string | undefined): boolean {
  return ['start', 'stop', 'restart'].includes(word ?? '');
}

/** The flag that `word` is, if its value comes next. */
function awaitingValue({ command, words }: Parsed, word: string): keyof Options | null {
  const isVerbatim = command !== null && words[0] !== undefined && syntax.isVerbatim(command, words[0]);
  if (word.length < 2 || !word.startsWith('-') || isVerbatim) return null;
  const found = findFlag(syntax, word, command);
  return found === null || found.text !== undefined || found.flag.standsAlone || found.negated
    ? null
    : known(found.name);
}

function flagOrValue(command: string | null, current: string): Wanted {
  const equals = current.indexOf('=');
  const found = equals < 0 ? null : findFlag(syntax, current, command);
  const name = found === null ? null : known(found.name);
  if (found !== null && name !== null) {
    const prefix = current.slice(0, equals + 1);
    if (!found.flag.standsAlone || flagInfos[name].value.type === 'words') return ofFlag(name, prefix);
    return candidates(['true', 'false'].map((word) => ({ word: prefix + word, summary: '' })));
  }
  const flags = command === null ? (['procfile', 'basedir', 'version'] as const) : (commandInfos[command]?.flags ?? []);
  return candidates(
    [...flags, 'help' as const].map((one) => ({
      word: `--${flagInfos[one].spelling ?? one}`,
      summary: flagInfos[one].summary,
    })),
  );
}

function ofFlag(name: keyof Options, prefix: string): Wanted {
  return kind(flagInfos[name].value, prefix);
}

function known(name: string): keyof Options | null {
  // Names of the table are all that is found.
  return Object.hasOwn(flagInfos, name) ? (name as keyof Options) : null;
}

function kind(value: Kind, prefix = '', used: readonly string[] = []): Wanted {
  return { type: 'kind', kind: value, prefix, used };
}

function candidates(all: readonly Candidate[]): Wanted {
  return { type: 'candidates', candidates: all };
}
