/** Reading the arguments of a block's command. */
import type { Block } from './data-driven.ts';

/** The ids among the arguments: those without a value. */
export function idsOf(block: Block): bigint[] {
  return block.args.filter((arg) => arg.values.length === 0).map((arg) => id(arg.key));
}

/** The id that comes first. */
export function firstId(block: Block): bigint {
  return id(block.args[0]?.key ?? '');
}

/** All values of the argument `key`; none if it is missing. */
export function valuesOf(block: Block, key: string): readonly string[] {
  return block.args.filter((arg) => arg.key === key).flatMap((arg) => arg.values);
}

/** The one value of the argument `key`, or null. */
export function lastValueOf(block: Block, key: string): string | null {
  return valuesOf(block, key).at(-1) ?? null;
}

export function numberOf(block: Block, key: string): number | null {
  const text = lastValueOf(block, key);
  return text === null ? null : Number(id(text));
}

export function booleanOf(block: Block, key: string): boolean | null {
  const text = lastValueOf(block, key);
  return text === null ? null : parseBoolean(text);
}

/** What Go's strconv.ParseBool takes. */
export function parseBoolean(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** A decimal id. */
export function id(text: string): bigint {
  if (!/^\d+$/.test(text)) throw new Error(`${JSON.stringify(text)} is no id`);
  return BigInt(text);
}
