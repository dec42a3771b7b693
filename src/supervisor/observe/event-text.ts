/** Run events in words. Pure. */
import { unreachable } from '../../base/assert.ts';
import type { RunEvent } from './model.ts';

/** What happened, as a sentence without its time. */
export function eventText(event: RunEvent): string {
  switch (event.type) {
    case 'leader-changed': {
      const { from, to, term, downtimeMs } = event;
      if (from === null) return `${to} leads in term ${term}`;
      const after =
        downtimeMs === null || downtimeMs === 0 ? 'at once' : `after ${durationText(downtimeMs)} without a leader`;
      return from === to
        ? `${to} leads again in term ${term}, ${after}`
        : `${to} leads in term ${term} in place of ${from}, ${after}`;
    }
    case 'leader-lost':
      return `${event.from} does not lead any more (term ${event.term})`;
    case 'election':
      return `${event.member} wants to lead in term ${event.term}`;
    case 'fault-injected':
      return `fault ${event.fault.id}: ${event.fault.text}`;
    case 'fault-effective':
      return `fault ${event.id} shows after ${durationText(event.afterMs)}`;
    case 'fault-healed':
      return `fault ${event.id} is healed`;
    case 'member-started':
      return `${event.name} started as process ${event.pid}`;
    case 'member-exited':
      return event.signal === null
        ? `${event.name} exited with code ${event.code}`
        : `${event.name} was terminated by ${event.signal}`;
    default:
      return unreachable(event);
  }
}

/** `12 ms`, `1.25 s`, `75 s`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  return `${seconds < 60 ? Number(seconds.toFixed(2)) : Math.round(seconds)} s`;
}
