/** Keeps what has not changed the same object, so that whoever draws it can tell by looking at the object alone. Pure. */

/** True if all fields of the two are the same values. Both have the same fields. */
export function sameFields<T extends object>(a: T, b: T): boolean {
  const other = new Map(Object.entries(b));
  return Object.entries(a).every(([key, value]) => Object.is(value, other.get(key)));
}

/** `before` if `after` holds the very same elements, else `after`. */
export function sharing<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  const isSame = before.length === after.length && before.every((one, at) => Object.is(one, after[at]));
  return isSame ? before : after;
}
