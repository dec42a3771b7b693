/** Broken beliefs: conditions that only a bug or corrupt memory can violate. Never used for user input or peers' messages. */

/** Thrown by `invariant` and `unreachable`. The process that sees one logs it and exits non-zero: it must not continue. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Asserts what must hold for the program to be correct. `message` says what was believed. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The default branch of an exhaustive switch: a new variant fails to compile here. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}
