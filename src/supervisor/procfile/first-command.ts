/** The first command of a shell line, as far as a tool that puts `exec` before the line depends on it. Pure. */

export interface FirstCommand {
  /** As written: no quotes removed, nothing expanded. Empty if there is none. */
  readonly word: string;
  /** Where the operator after it begins, or the end of the line. */
  readonly end: number;
  /** The operator after it; null at the end of the line. */
  readonly operator: ';' | '&&' | '||' | '|' | '&' | null;
}

/** Looks past quotes, substitutions and redirections; never fails, whatever is left open. */
export function firstCommand(line: string): FirstCommand {
  const start = line.length - line.trimStart().length;
  const [word = ''] = /^(?:[({]|[^\s;&|<>()]+)/.exec(line.slice(start)) ?? [];
  for (let at = start; at < line.length; ) {
    const operator = operatorAt(line, at);
    if (operator !== null) {
      const isLast = /^\s*(?:#.*)?$/.test(line.slice(at + operator.length));
      return { word, end: at, operator: operator === ';' && isLast ? null : operator };
    }
    if (line[at] === '#' && (at === start || /\s/.test(line[at - 1] ?? ''))) break;
    at = pieceEnd(line, at);
  }
  return { word, end: line.length, operator: null };
}

function operatorAt(line: string, at: number): Exclude<FirstCommand['operator'], null> | null {
  const two = line.slice(at, at + 2);
  if (two === '&&' || two === '||') return two;
  const one = line[at];
  // `2>&1` and `<&3` are redirections.
  if (one === '&') return /[<>]/.test(line[at - 1] ?? '') ? null : '&';
  // `>|` is one too.
  if (one === '|') return line[at - 1] === '>' ? null : '|';
  return one === ';' ? ';' : null;
}

/** Where the piece that begins at `at` ends: a character, a quoted text, a substitution. */
function pieceEnd(line: string, at: number): number {
  switch (line[at]) {
    case '\\':
      return at + 2;
    case "'":
      return after(line.indexOf("'", at + 1), line);
    case '"':
    case '`':
      return closing(line, at + 1, line[at] ?? '');
    case '(':
      return closing(line, at + 1, ')');
    case '$': {
      const next = line[at + 1];
      if (next === '(') return closing(line, at + 2, ')');
      return next === '{' ? closing(line, at + 2, '}') : at + 1;
    }
    default:
      return at + 1;
  }
}

/** Past the first `end` at or after `from` that is not inside another piece. */
function closing(line: string, from: number, end: string): number {
  for (let at = from; at < line.length; ) {
    if (line[at] === end) return at + 1;
    // An apostrophe quotes nothing inside double quotes.
    at = end === '"' && (line[at] === "'" || line[at] === '(') ? at + 1 : pieceEnd(line, at);
  }
  return line.length;
}

function after(at: number, line: string): number {
  return at < 0 ? line.length : at + 1;
}
