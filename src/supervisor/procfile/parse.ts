/** Turns the text of a Procfile into entries, collecting every problem instead of stopping at the first. */
import type { Line, Piece } from './lex.ts';
import { characters, lexProcfile } from './lex.ts';
import type { Problem } from './problem.ts';

/** One process as the Procfile declares it. */
export interface Entry {
  readonly name: string;
  /** For `/bin/sh -c`; may be empty, which succeeds at once. */
  readonly command: string;
  /**
   * Position among all entries of the file, from 0. Ports and colours follow it, so they stay the same when only some entries
   * run. A duplicate takes a position too, as in goreman.
   */
  readonly index: number;
  readonly line: number;
}

export interface Procfile {
  readonly file: string;
  /** Names are unique: the first of two entries with one name counts, as in goreman. */
  readonly entries: readonly Entry[];
  readonly problems: readonly Problem[];
}

/** Parses goreman's grammar. Never throws on user input. */
export function parseProcfile(file: string, text: string): Procfile {
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  const firstLines = new Map<string, number>();
  let index = 0;
  let continued = false;

  for (const line of lexProcfile(text)) {
    const report = (severity: Problem['severity'], column: number, code: string, message: string, hint?: string) =>
      problems.push({ file, line: line.line, column, severity, code, message, ...(hint !== undefined && { hint }) });
    const afterContinuation = continued;
    continued = false;

    if (line.type === 'blank' || line.type === 'comment') continue;
    for (const defect of undecodable(line)) report('error', defect.column, defect.code, defect.message, defect.hint);
    if (line.type === 'text') {
      const hint = afterContinuation
        ? 'a Procfile has no continuation lines: put the command on one line, or in a script'
        : 'an entry is `name: command`';
      report('warning', line.text.column, 'no-colon', 'ignored: no `:` after a name', hint);
      continue;
    }

    const { name, command } = line;
    if (name.text === '') {
      report('warning', name.column, 'no-name', 'ignored: no name before the `:`', 'an entry is `name: command`');
      continue;
    }
    continued = command.text.endsWith('\\');
    const position = index++;
    const first = firstLines.get(name.text);
    if (first !== undefined) {
      const message = `ignored: there is an entry ${name.text} at line ${first} already`;
      report('warning', name.column, 'duplicate', message, 'give each entry its own name');
      continue;
    }
    firstLines.set(name.text, line.line);
    if (command.text === '') report('warning', command.column, 'empty-command', `${name.text} has no command`);
    entries.push({ name: name.text, command: command.text, index: position, line: line.line });
  }
  return { file, entries, problems };
}

type Defect = Pick<Problem, 'column' | 'code' | 'message' | 'hint'>;

/** What cannot be handed to a shell, or not be printed as a name. */
function* undecodable(line: Extract<Line, { type: 'pair' | 'text' }>): Generator<Defect> {
  const pieces = line.type === 'pair' ? [line.name, line.command] : [line.text];
  for (const piece of pieces) {
    const nul = columnOf(piece, /\0/);
    if (nul > 0) {
      const hint = 'is this a Procfile?';
      yield { column: nul, code: 'nul', message: 'a NUL byte, which no command can contain', hint };
    }
    const replaced = columnOf(piece, /\ufffd/);
    if (replaced > 0) {
      const hint = 'save the file as UTF-8';
      yield { column: replaced, code: 'encoding', message: 'bytes that are not UTF-8', hint };
    }
  }
  if (line.type !== 'pair') return;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point.
  const control = columnOf(line.name, /[\x01-\x1f\x7f-\x9f]/);
  if (control > 0) yield { column: control, code: 'control', message: 'a control character in a name' };
}

function columnOf(piece: Piece, pattern: RegExp): number {
  const at = piece.text.search(pattern);
  return at < 0 ? 0 : piece.column + characters(piece.text.slice(0, at));
}
