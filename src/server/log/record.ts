/** What a log line is made of. */
import type { Duration } from '../../base/duration.ts';

/** In rising order. A logger prints its own level and those above. */
export const levels = ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'] as const;
export type Level = (typeof levels)[number];

/** 64-bit ids are hex strings or bigint; times are Duration; an Error prints its message and its causes'. */
export type FieldValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Duration
  | Error
  | readonly FieldValue[]
  | { readonly [key: string]: FieldValue };

/** Printed in the order of the keys. */
export type Fields = Readonly<Record<string, FieldValue>>;

export interface LogRecord {
  readonly level: Level;
  /** Microseconds since the Unix epoch. */
  readonly timeUs: number;
  /** Dotted name such as "raft"; empty for the root. */
  readonly logger: string;
  /** Source that the line belongs to, such as "member/driver.ts". */
  readonly caller: string;
  readonly message: string;
  readonly fields: Fields;
}

export type LogFormat = 'json' | 'console';
