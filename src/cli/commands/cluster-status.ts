/** `clusterctl status --cluster`: how the etcds of a run stand, as a table, or all that is known as JSON. */
import type { MemberFacts, Observation, ProcessFacts } from '../../supervisor/observe/model.ts';
import { bytesText, countText, latencyText } from '../../ui/view-model/format.ts';
import { exitCode } from '../exit-codes.ts';
import { observedRun } from '../observed-run.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';
import { tableLines } from '../table.ts';

export async function showClusterStatus(options: Options, given: ReadonlySet<string>): Promise<number> {
  const run = await observedRun(options, given);
  if (!run.ok) {
    complain(run.error);
    return exitCode.failed;
  }
  const { status, observation } = run.value;
  if (options.json) {
    const { events: _, ...facts } = observation;
    const { version, pid, source } = status;
    process.stdout.write(`${JSON.stringify({ version, pid, source, ...facts })}\n`);
    return exitCode.ok;
  }
  if (observation.processes.every((one) => one.member === null)) {
    complain('none of the processes is an etcd');
    return exitCode.failed;
  }
  const lines = [...clusterTable(observation), ...observation.processes.flatMap(silenceOf)];
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return exitCode.ok;
}

const columns = [
  'NAME',
  'ROLE',
  'TERM',
  'LEADER',
  'RAFT',
  'APPLIED',
  'LAG',
  'COMMITS/S',
  'DB',
  'IN USE',
  'SYNC P99',
  'HEALTH',
  'VERSION',
  'CLIENTS',
] as const;

function clusterTable({ processes }: Observation): string[] {
  const names = new Map(processes.map(({ name, member }) => [member?.memberId ?? '', name]));
  const rows = processes.flatMap((one) => (one.member === null ? [] : [memberRow(one, one.member, names)]));
  return tableLines([columns, ...rows]);
}

function memberRow(
  { name, state }: ProcessFacts,
  member: MemberFacts,
  names: ReadonlyMap<string, string>,
): readonly string[] {
  const { role, term, leader, raftIndex, appliedIndex, lag, commitsPerSecond, dbBytes, dbInUseBytes } = member;
  const isUp = state === 'running' || state === 'stopping';
  return [
    name,
    isUp ? (role ?? '-') : state,
    text(term, String),
    text(leader === '0' ? null : leader, (id) => names.get(id) ?? id),
    text(raftIndex, String),
    text(appliedIndex, String),
    text(lag.at(-1) ?? null, String),
    text(commitsPerSecond, countText),
    text(dbBytes, bytesText),
    text(dbInUseBytes, bytesText),
    text(member.syncP99Ms, latencyText),
    text(isUp ? member.healthMs : null, latencyText),
    text(member.version, String),
    member.clientUrl,
  ];
}

/** Why columns of a member are empty that answers nobody. */
function silenceOf({ name, state, member }: ProcessFacts): string[] {
  if (member === null || member.clientError === null || state !== 'running') return [];
  const { source, clientUrl, clientError, raftIndex } = member;
  if (source === 'admin') return [`${name} does not answer at ${clientUrl}: ${clientError}`];
  const known = raftIndex === null ? 'only its log tells of it' : 'its log and metrics tell of it';
  return [`${name} does not tell its status at ${clientUrl}, so ${known}: ${clientError}`];
}

function text<T>(value: T | null, show: (value: T) => string): string {
  return value === null ? '-' : show(value);
}
