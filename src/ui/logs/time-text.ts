/** A moment as a user types it. Pure: `nowMs` is the latest moment that there is. */
import { parseDuration } from '../../base/duration.ts';

export const timeHint = '15:04, 15:04:05.123, -5m or 2026-11-22T15:04:05';

/**
 * `15:04`, with seconds and their fractions: the latest such time of day, local; `-5m`: so long before `nowMs`; a date with a time.
 * In ms since the Unix epoch; null if it is none of these.
 */
export function parseTime(text: string, nowMs: number): number | null {
  const trimmed = text.trim();
  if (trimmed.startsWith('-')) {
    const duration = parseDuration(trimmed.slice(1));
    return duration.ok ? nowMs - Number(duration.value / 1_000_000n) : null;
  }
  const [, hours, minutes, seconds = '0', fraction = '0'] =
    /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?$/.exec(trimmed) ?? [];
  if (hours === undefined) {
    const ms = /^\d{4}-\d\d-\d\d/.test(trimmed) ? Date.parse(trimmed.replace(' ', 'T')) : Number.NaN;
    return Number.isFinite(ms) ? ms : null;
  }
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return null;
  const time = new Date(nowMs);
  time.setHours(Number(hours), Number(minutes), Number(seconds), Math.floor(Number(`0.${fraction}`) * 1000));
  // Yesterday, if today it is still to come.
  if (time.getTime() > nowMs) time.setDate(time.getDate() - 1);
  return time.getTime();
}
