/** `clusterctl run list|status|start|stop|…` and `clusterctl status`: the remote control of a running supervisor. */
import { askSupervisor } from '../../supervisor/control-client.ts';
import type { ControlRequest, ProcessStatus, RunStatus } from '../../supervisor/control-protocol.ts';
import { controlCommands } from '../../supervisor/control-protocol.ts';
import { describeExit } from '../../supervisor/process.ts';
import type { Target } from '../control-target.ts';
import { findSupervisor } from '../control-target.ts';
import { exitCode } from '../exit-codes.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';
import { tableLines } from '../table.ts';

const needNames = ['start', 'stop', 'restart'];

/** `run WORD NAMES…`, printing what goreman prints. */
export async function remote(
  word: string,
  names: readonly string[],
  options: Options,
  given: ReadonlySet<string>,
): Promise<number> {
  // `list` is the one word that is no request of its own: it prints part of a status.
  const isRolling = options.rolling && (word === 'restart' || word === 'restart-all');
  const command = isRolling ? 'rolling-restart' : (controlCommands.find((one) => one === word) ?? 'status');
  if (needNames.includes(command) && names.length === 0) {
    complain(`run ${word} needs the names of processes`);
    return exitCode.usage;
  }
  const timeout = isRolling && options.deadline !== null ? { timeoutMs: options.deadline } : {};
  const target = await findSupervisor(options, given);
  if (!target.ok) return failed(target.error);
  const status = command === 'status' ? target.value.status : await order(target.value, { command, names, ...timeout });
  if (status === null) return exitCode.failed;
  if (word === 'list') print(status.processes.map((one) => one.name));
  if (word === 'status') print([...status.processes.map(goremanLine), ...faultLines(status)]);
  return exitCode.ok;
}

/** `clusterctl status`: a table, or JSON. */
export async function showStatus(options: Options, given: ReadonlySet<string>): Promise<number> {
  const target = await findSupervisor(options, given);
  if (!target.ok) return failed(target.error);
  const { status } = target.value;
  if (options.json) print([JSON.stringify(status)]);
  else print([...statusTable(status.processes), ...faultLines(status)]);
  return exitCode.ok;
}

/** As goreman prints it; it knows nobody who is paused. */
function goremanLine({ name, state, paused }: ProcessStatus): string {
  return `${state === 'stopped' ? ' ' : '*'}${name}${paused ? ' (paused)' : ''}`;
}

function faultLines({ faults }: RunStatus): string[] {
  return faults.map(({ id, text }) => `fault ${id}: ${text}`);
}

async function order(target: Target, request: ControlRequest): Promise<RunStatus | null> {
  const reply = await askSupervisor(target.address, request);
  if (reply?.ok === true) return reply.status;
  complain(reply === null ? `the supervisor (process ${target.status.pid}) ended without an answer` : reply.error);
  return null;
}

function statusTable(processes: readonly ProcessStatus[]): string[] {
  return tableLines([
    ['NAME', 'STATE', 'READY', 'PID', 'PORT', 'UPTIME', 'RESTARTS', 'LAST EXIT'],
    ...processes.map((one) => [
      one.name,
      one.paused ? 'paused' : one.state,
      one.ready ? 'yes' : 'no',
      String(one.pid ?? '-'),
      String(one.port ?? '-'),
      one.uptimeMs === null ? '-' : uptimeText(one.uptimeMs),
      String(one.restarts),
      one.exit === null ? '-' : describeExit(one.exit),
    ]),
  ]);
}

/** `4s`, `3m4s`, `2h3m`, `5d2h`. */
function uptimeText(uptimeMs: number): string {
  const seconds = Math.floor(uptimeMs / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return first < 0
    ? '0s'
    : parts
        .slice(first, first + 2)
        .map(([count, unit]) => `${count}${unit}`)
        .join('');
}

function print(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}
