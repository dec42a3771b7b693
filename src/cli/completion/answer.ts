/** The answer to a shell that asks for completions: a first line that says how to treat the others. Pure. */
import { unreachable } from '../../base/assert.ts';
import { roleTargets } from '../../chaos/faults/command.ts';
import type { Candidate, Wanted } from './wanted.ts';

/** Names that only a look at the machine gives. */
export interface Names {
  entries(): Promise<readonly string[]>;
  processes(): Promise<readonly string[]>;
  /** Ids of active faults. */
  faults(): Promise<readonly string[]>;
}

/**
 * `words` and `open` (no blank follows) are followed by a candidate in each line, with a tab and a summary if it has one;
 * `files` and `folders` are for the shell to find. A prefix such as `--env=` is part of the candidates, not of files.
 */
export async function answer(wanted: Wanted, current: string, names: Names): Promise<string> {
  if (wanted.type === 'candidates') return list('words', wanted.candidates, current);
  const { kind, prefix, used } = wanted;
  const fresh = (all: readonly string[]) =>
    all.filter((word) => !used.includes(word)).map((word) => ({ word: prefix + word, summary: '' }));
  switch (kind.type) {
    case 'words':
      return list('words', fresh(kind.words), current);
    case 'wordsOrFiles':
      return /[/.~]/.test(current) ? 'files\n' : list('words', fresh(kind.words), current);
    case 'entries':
      return list('words', fresh(await names.entries()), current);
    case 'processes':
      return list('words', fresh(await names.processes()), current);
    case 'targets':
      return list('words', fresh([...(await names.processes()), ...roleTargets]), current);
    case 'faults':
      return list('words', fresh(await names.faults()), current);
    case 'formation': {
      // `web=2,` stays, and names that it has are not offered again.
      const done = current.slice(prefix.length, current.lastIndexOf(',') + 1);
      const have = done.split(',').map((part) => part.split('=')[0] ?? '');
      const others = ['all', ...(await names.entries())].filter((name) => !have.includes(name));
      return list(
        'open',
        others.map((name) => ({ word: `${prefix}${done}${name}=`, summary: '' })),
        current,
      );
    }
    case 'files':
    case 'folders':
      return `${kind.type}\n`;
    case 'anything':
      return list('words', [], current);
    default:
      return unreachable(kind);
  }
}

function list(mode: 'words' | 'open', all: readonly Candidate[], current: string): string {
  const matching = all.filter(({ word }) => word.startsWith(current));
  return [mode, ...matching.map(({ word, summary }) => (summary === '' ? word : `${word}\t${summary}`))]
    .map((line) => `${line}\n`)
    .join('');
}
