/** What is wrong with a user's file, and where: collected, never thrown, and printed in one shape for all files. */

export interface Problem {
  readonly file: string;
  /** Counted from 1; 0 if the problem is with the file as a whole. */
  readonly line: number;
  /** In characters (code points), counted from 1; 0 if the problem is with the line as a whole. */
  readonly column: number;
  /** A warning is printed and lived with; an error stops the command before it starts anything. */
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** One line of text: `Procfile:3:7: message (hint)`, with `warning: ` before the message of a warning. */
export function formatProblem(problem: Problem): string {
  const position = [problem.line, problem.column].filter((part) => part > 0).map((part) => `:${part}`);
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return `${problem.file}${position.join('')}: ${severity}${problem.message}${hint}`;
}
