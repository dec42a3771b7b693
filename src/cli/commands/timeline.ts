/** `clusterctl timeline`: who led when, and what happened meanwhile. */
import { durationText, eventText } from '../../supervisor/observe/event-text.ts';
import type { LeaderPeriod } from '../../supervisor/observe/leader-periods.ts';
import { leaderPeriods } from '../../supervisor/observe/leader-periods.ts';
import type { Observation } from '../../supervisor/observe/model.ts';
import { exitCode } from '../exit-codes.ts';
import { momentText, observedRun } from '../observed-run.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';
import { tableLines } from '../table.ts';

export async function timeline(options: Options, given: ReadonlySet<string>): Promise<number> {
  const run = await observedRun(options, given);
  if (!run.ok) {
    complain(run.error);
    return exitCode.failed;
  }
  const { status, observation } = run.value;
  const { startedMs, atMs, events } = observation;
  if (options.json) {
    const { version, pid, source } = status;
    const periods = leaderPeriods(events);
    process.stdout.write(`${JSON.stringify({ version, pid, source, startedMs, atMs, leaders: periods, events })}\n`);
  } else
    process.stdout.write(
      timelineLines(observation, Date.now())
        .map((line) => `${line}\n`)
        .join(''),
    );
  return exitCode.ok;
}

function timelineLines({ events }: Observation, nowMs: number): string[] {
  const happened = events.map((event) => `${momentText(event.atMs)}  ${eventText(event)}`);
  const periods = leaderPeriods(events);
  return periods.length === 0 ? happened : [...happened, '', ...leaderTable(periods, nowMs)];
}

function leaderTable(periods: readonly LeaderPeriod[], nowMs: number): string[] {
  const rows = periods.map(({ cluster, leader, term, fromMs, toMs, downtimeMs }) => [
    leader,
    String(term),
    momentText(fromMs),
    toMs === null ? '-' : momentText(toMs),
    durationText((toMs ?? nowMs) - fromMs),
    downtimeMs === null ? '-' : durationText(downtimeMs),
    cluster,
  ]);
  return tableLines([['LEADER', 'TERM', 'FROM', 'TO', 'LED FOR', 'NOBODY BEFORE', 'CLUSTER'], ...rows]);
}
