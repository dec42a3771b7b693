/** Finds texts by some of their characters, in order. Pure. */

/**
 * How well `query` matches, higher is better; null: it does not. All characters must occur in order, of any case; those at the start of
 * words and in a row count more. Words of the query may come in any order.
 */
export function fuzzyScore(query: string, text: string): number | null {
  let total = 0;
  for (const word of query
    .toLowerCase()
    .split(/\s+/)
    .filter((one) => one !== '')) {
    const score = wordScore(word, text.toLowerCase());
    if (score === null) return null;
    total += score;
  }
  return total - text.length / 100;
}

function wordScore(word: string, text: string): number | null {
  const whole = text.indexOf(word);
  if (whole >= 0) return 10 * word.length + (isWordStart(text, whole) ? 10 : 0);
  let score = 0;
  let at = -1;
  for (const character of word) {
    const found = text.indexOf(character, at + 1);
    if (found < 0) return null;
    score += found === at + 1 ? 4 : isWordStart(text, found) ? 3 : 1;
    at = found;
  }
  return score;
}

function isWordStart(text: string, at: number): boolean {
  return at === 0 || /[^\p{L}\p{N}]/u.test(text[at - 1] ?? '');
}

/** Those that match, the best first; of equal ones the order stays. */
export function fuzzyFilter<T>(query: string, items: readonly T[], textOf: (item: T) => string): readonly T[] {
  return items
    .map((item) => ({ item, score: fuzzyScore(query, textOf(item)) }))
    .filter((one) => one.score !== null)
    .sort((a, b) => (b.score ?? 0) - (a.score ?? 0))
    .map((one) => one.item);
}
