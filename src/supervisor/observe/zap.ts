/** Reads the log lines of etcd: one JSON object a line, as zap writes them. Pure. */

export type ZapLevel = 'debug' | 'info' | 'warn' | 'error' | 'dpanic' | 'panic' | 'fatal';

export interface ZapLine {
  readonly level: ZapLevel;
  /** Unix time in milliseconds, with fractions; null if the line has none that can be read. */
  readonly ts: number | null;
  readonly msg: string;
  /** `membership/cluster.go:392`; null if the line does not say. */
  readonly caller: string | null;
  /** Everything else, in the order of the line. */
  readonly fields: Readonly<Record<string, unknown>>;
}

const levels: readonly string[] = ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'];

/** Null if the line, given without its end, is not zap's. What does not begin as JSON costs next to nothing. */
export function parseZapLine(line: string): ZapLine | null {
  if (line.charCodeAt(0) !== 0x7b || line.charCodeAt(line.length - 1) !== 0x7d) return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { level, ts, msg, caller, ...fields }: Record<string, unknown> = { ...value };
  if (!isLevel(level) || typeof msg !== 'string') return null;
  return { level, ts: timeOf(ts), msg, caller: typeof caller === 'string' ? caller : null, fields };
}

function isLevel(value: unknown): value is ZapLevel {
  return typeof value === 'string' && levels.includes(value);
}

/** ISO 8601, as etcd is set up, or seconds, as zap is by itself. */
function timeOf(ts: unknown): number | null {
  const ms = typeof ts === 'number' ? ts * 1000 : typeof ts === 'string' ? Date.parse(ts) : Number.NaN;
  return Number.isFinite(ms) ? ms : null;
}
