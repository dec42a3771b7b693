/** What comes next in the words of a fault, which have flags of their own. Pure. */
import { cutModes } from '../../base/admin-protocol.ts';
import { type FaultVerb, faultVerbs } from '../../chaos/faults/command.ts';
import { diskErrors, faultFlags } from '../../chaos/faults/parse.ts';
import type { Kind } from '../catalogue.ts';
import type { Wanted } from './wanted.ts';

const summaries: Readonly<Record<string, string>> = {
  all: 'Every fault there is',
  bridge: 'Two halves that hear each other through it alone',
  fail: 'Syncs fail with this error',
  halves: 'These from the rest; or the first half',
  isolate: 'Cut off from all others',
  'leader-inbound': 'The leader does not hear the others',
  'leader-outbound': 'The leader is not heard by the others',
  link: 'A>B for one direction, A=B for both',
  majority: 'The leader stays with the majority',
  member: 'All links of this member',
  messages: 'Only these types of Raft messages',
  minority: 'The leader is left in the minority',
  mode: 'What a cut does to connections',
  ring: 'Each hears two neighbours only',
  slow: 'Syncs take so much longer',
};

const targets: Kind = { type: 'targets' };

const flagValues: Readonly<Record<string, Kind>> = {
  bridge: targets,
  fail: { type: 'words', words: diskErrors },
  isolate: targets,
  member: targets,
  mode: { type: 'words', words: cutModes },
};

/** `operands` are the words after `fault`; null: what every command takes, a flag of all among them. */
export function wantedOfFault(operands: readonly string[], current: string): Wanted | null {
  const verb = faultVerbs.find((one) => one === operands[0]);
  if (verb === undefined) return null;
  const [, name = '', given] =
    /^--?([a-z-]+)(?:=(.*))?$/.exec(operands.length > 1 ? (operands.at(-1) ?? '') : '') ?? [];
  if (given === undefined && takesValue(verb, name) && !current.startsWith('-')) return kindOfValue(name, '');
  const [prefix = '', own = ''] = /^--?([a-z-]+)=/.exec(current) ?? [];
  if (takesValue(verb, own)) return kindOfValue(own, prefix);
  if (current.startsWith('-')) return { type: 'candidates', candidates: flagsOf(verb) };
  return wordsOf(verb, operands);
}

function takesValue(verb: FaultVerb, name: string): boolean {
  const flags = faultFlags[verb];
  return Object.hasOwn(flags, name) && flags[name] !== 'none';
}

function kindOfValue(name: string, prefix: string): Wanted {
  return { type: 'kind', kind: flagValues[name] ?? { type: 'anything' }, prefix, used: [] };
}

function flagsOf(verb: FaultVerb): { readonly word: string; readonly summary: string }[] {
  const own = Object.keys(faultFlags[verb]).map((name) => ({ word: `--${name}`, summary: summaries[name] ?? '' }));
  return [...own, { word: '--json', summary: 'Print JSON' }];
}

function wordsOf(verb: FaultVerb, operands: readonly string[]): Wanted {
  switch (verb) {
    case 'partition':
      return { type: 'candidates', candidates: flagsOf(verb) };
    case 'heal':
      return { type: 'kind', kind: { type: 'faults' }, prefix: '', used: operands };
    case 'kill':
    case 'stop':
    case 'restart':
    case 'pause':
    case 'resume':
    case 'move-leader':
    case 'disk':
      return { type: 'kind', kind: targets, prefix: '', used: operands };
    case 'delay':
    case 'loss':
    case 'list':
      return { type: 'candidates', candidates: [] };
  }
}
