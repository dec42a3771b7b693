/** How many instances of each entry run: foreman's `-m all=1,web=2`. Pure. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

/** The most instances of one entry: the step between the ports of two entries is 100. */
export const instancesMax = 100;

export interface Formation {
  /** For entries that are not named; foreman's `all`, 0 if absent. */
  readonly others: number;
  readonly counts: ReadonlyMap<string, number>;
}

/** Parses `name=count,…`. The error says which part is wrong. */
export function parseFormation(text: string): Result<Formation, string> {
  const counts = new Map<string, number>();
  for (const part of text.split(',')) {
    const equals = part.lastIndexOf('=');
    const name = part.slice(0, equals).trim();
    const digits = part.slice(equals + 1).trim();
    if (equals < 0 || name === '') return err(`${JSON.stringify(part.trim())} is not name=count`);
    if (!/^\d{1,3}$/.test(digits) || Number(digits) > instancesMax) {
      return err(`the count of ${name} must be between 0 and ${instancesMax}`);
    }
    if (counts.has(name)) return err(`${name} is given twice`);
    counts.set(name, Number(digits));
  }
  const others = counts.get('all') ?? 0;
  counts.delete('all');
  return ok({ others, counts });
}
