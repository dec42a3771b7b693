/** Numbers as short texts for narrow columns. Pure. */

/** `512B`, `20.1M`, `1.5G`: powers of 1024, four characters or five. */
export function bytesText(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : shortNumber(value)}${units[unit]}`;
}

/** `0.4ms`, `12ms`, `1.2s`. */
export function latencyText(ms: number): string {
  return ms < 1000 ? `${shortNumber(ms)}ms` : `${shortNumber(ms / 1000)}s`;
}

/** `4s`, `3m04s`, `2h03m`, `5d02h`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h${two(Math.floor(seconds / 60) % 60)}m`;
  return `${Math.floor(seconds / 86_400)}d${two(Math.floor(seconds / 3_600) % 24)}h`;
}

/** The same in five characters: `3m04s`, `12m`, `2h03m`, `14h`, `5d02h`, `12d`. */
export function ageText(ms: number): string {
  const text = durationText(ms);
  return text.length <= 5 ? text : text.replace(/(?<=[a-z]).*/, '');
}

/** `950`, `12.3k`, `4.5M`. */
export function countText(count: number): string {
  if (count < 10_000) return String(Math.round(count));
  return count < 1_000_000 ? `${shortNumber(count / 1000)}k` : `${shortNumber(count / 1_000_000)}M`;
}

/** A share of one core: `7%`, `120%`. */
export function percentText(share: number): string {
  return `${Math.round(share * 100)}%`;
}

/** One decimal below ten. */
function shortNumber(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** The highest bar is not less: one or two are no mountain. */
const scaleMin = 8;

/** The last `width` samples as bars: zero the lowest, the largest of them the highest. */
export function sparkline(samples: readonly number[], width: number): string {
  const shown = samples.slice(-width);
  const most = Math.max(scaleMin, ...shown);
  const bar = (sample: number) => bars[Math.min(bars.length - 1, Math.ceil((sample / most) * (bars.length - 1)))] ?? '';
  return shown.map(bar).join('').padStart(width);
}

const dayMs = 86_400_000;

/** `15:04:05`, at `offsetMinutes` from UTC. */
export function clockText(ms: number, offsetMinutes: number): string {
  const ofDay = (((ms + offsetMinutes * 60_000) % dayMs) + dayMs) % dayMs;
  const seconds = Math.floor(ofDay / 1000);
  return [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

/** The same with milliseconds: `15:04:05.678`. */
export function clockMsText(ms: number, offsetMinutes: number): string {
  const rest = ((Math.floor(ms) % 1000) + 1000) % 1000;
  return `${clockText(ms, offsetMinutes)}.${String(rest).padStart(3, '0')}`;
}
