/** Runs specs under a supervisor in this terminal: its output, history, remote control and signals, from start to exit code. */
import { closeSync, constants, openSync } from 'node:fs';
import type { Result } from '../base/result.ts';
import { ok } from '../base/result.ts';
import type { FaultController } from '../chaos/faults/controller.ts';
import type { LinkBackend } from '../chaos/faults/link-backend.ts';
import { newRunFaults } from '../chaos/faults/run-faults.ts';
import { sourceText } from '../supervisor/control-path.ts';
import { displayWidth } from '../supervisor/display-width.ts';
import type { LogChannel } from '../supervisor/log-mux.ts';
import { LogMux } from '../supervisor/log-mux.ts';
import { runEventRecord } from '../supervisor/ndjson-format.ts';
import { Observer } from '../supervisor/observe/observer.ts';
import type { Spec } from '../supervisor/plan.ts';
import type { ProcessSpec } from '../supervisor/process.ts';
import { describeExit } from '../supervisor/process.ts';
import type { Signal } from '../supervisor/process-machine.ts';
import type { ReloadPlan } from '../supervisor/reload-plan.ts';
import type { RunWatcher } from '../supervisor/supervisor.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { wantedLook } from './colour.ts';
import { sourceOf } from './control-target.ts';
import type { DashboardSettings } from './dashboard-settings.ts';
import { exitCodeOf } from './exit-policy.ts';
import type { RunRequest } from './planned-specs.ts';
import { complain } from './read-procfile.ts';
import { openControl } from './run-control.ts';
import { openHistory } from './run-history.ts';
import { dashboardScreen, lineScreen } from './run-screen.ts';

/** How long output that nobody takes is waited for at the end. */
const flushPatienceMs = 1_000;
/** npm passes a Ctrl-C on to us that the terminal sent us already: so soon after the first, it is the same one. */
const sameSignalMs = 150;

/** A spec, and what it takes to spawn it. */
export interface Prepared {
  readonly spec: Spec;
  readonly process: ProcessSpec;
}

/**
 * Resolves to the exit code when nothing of the run is alive any more. `again` reads the files anew, given the specs of the
 * last time; its error says what is wrong with them. `dashboard`: null for lines on standard output.
 * `fabric` puts faults on links between members that are not bundled.
 */
export async function supervise(
  prepared: readonly Prepared[],
  again: (before: readonly Spec[]) => Promise<Result<readonly Prepared[], string>>,
  request: RunRequest,
  dashboard: DashboardSettings | null,
  fabric: LinkBackend,
): Promise<number> {
  const { options } = request;
  let specs = prepared.map((one) => one.spec);
  const screen = dashboard === null ? lineScreen() : await dashboardScreen(dashboard);
  const { output } = screen;
  const text = {
    ...wantedLook(options.color),
    timestamps: options.timestamps,
    nameWidth: Math.max(...specs.map((spec) => displayWidth(spec.name))),
  };
  const mux = new LogMux(output, options.output === 'ndjson' ? 'ndjson' : text);
  const history = openHistory(request);
  const observer = new Observer({
    colourIndexOf: (name) => specs.find((spec) => spec.name === name)?.colourIndex ?? 0,
    openProbe: async () => new (await import('../client/member-probe.ts')).MemberProbe(),
  });
  const observing = new AbortController();
  const channels = new Map<string, LogChannel>();
  const open = (added: readonly Spec[]) => {
    for (const { name, colourIndex } of added) {
      if (channels.has(name)) continue;
      const channel = mux.channel(name, colourIndex, history.writerOf(name));
      channel.listen(observer.tap(name), observing.signal);
      channels.set(name, channel);
    }
  };
  open(specs);
  const log = (spec: ProcessSpec) => channels.get(spec.name) ?? mux.channel(spec.name, 0, null);
  const read = async () => {
    const read = await again(specs);
    if (!read.ok) {
      complain('reload: nothing is changed, for what is said above');
      return read;
    }
    specs = read.value.map((one) => one.spec);
    open(specs);
    return ok(read.value.map((one) => one.process));
  };
  const stopSignal = options['stop-signal'];
  const policy = {
    exitOnError: options['exit-on-error'],
    exitOnStop: options['exit-on-stop'],
    stopSignal: stopSignal === 'same' ? 'SIGTERM' : stopSignal,
  };
  const applied = (plan: ReloadPlan) => complain(`reloaded: ${describeReload(plan)}`);
  const started = prepared.map((one) => one.process);
  let watchingFaults: FaultController | null = null;
  const watcher: RunWatcher = {
    started: (spec, pid) => observer.started(spec, pid),
    exited: (spec, exit) => observer.exited(spec, exit),
    changed: () => {
      observer.changed();
      // Whoever is to end should not have to wait for messages that never come.
      if (supervisor.stopping) void watchingFaults?.close();
      else watchingFaults?.look();
    },
  };
  const supervisor: Supervisor = new Supervisor(started, log, policy, { read, applied }, watcher);
  observer.watch(() => supervisor.processes);
  const faults = newRunFaults({ supervisor, observer, fabric, onEvent: (event) => observer.record(event) });
  watchingFaults = faults;
  if (options.output === 'ndjson') {
    const sinceStartMs = (atMs: number) => Math.max(0, performance.now() - (Date.now() - atMs));
    observer.follow((event) => output.write(runEventRecord(event, sinceStartMs(event.atMs))));
  }

  output.onClosed = (error) => {
    if (isFull(error)) complain(`warning: nothing more on standard output: ${error.message}`);
    else supervisor.stopAll(policy.stopSignal);
  };
  process.stderr.on('error', (error) => {
    if (!isFull(error)) supervisor.stopAll(policy.stopSignal);
  });
  process.on('exit', () => supervisor.killNow());
  let giveUp: () => void = () => {};
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  const interrupt = listenForSignals(
    (signal) => supervisor.stopAll(stopSignal === 'same' ? signal : stopSignal),
    () => {
      supervisor.killAll();
      giveUp();
      screen.close();
    },
    () => void supervisor.reload(),
  );
  const control = await openControl(supervisor, observer, faults, mux, request, history.folder);

  // The processes start while the dashboard is still being loaded.
  const running = supervisor.run();
  await screen.open({
    supervisor,
    observer,
    faults: async (words) => {
      const done = await faults.obey(words);
      return done.ok ? ok(done.value.text) : done;
    },
    title: sourceText(sourceOf(options, request.given)),
    history: history.folder,
    onQuit: () => interrupt('SIGINT'),
  });
  const result = await running;
  screen.close();
  await control.close();
  observing.abort();
  observer.close();
  // A slow reader gets everything, as long as the user has the patience.
  await Promise.race([output.flush(flushPatienceMs), givenUp]);
  await history.close();
  if (result.failure !== null) complain(`${result.failure.name} ${describeExit(result.failure.exit)}`);
  await Promise.race([screen.flush(flushPatienceMs), givenUp]);
  return exitCodeOf(result, options['exit-code']);
}

/** A disk that takes no more is no reason to end what runs, as a reader that is gone is. */
function isFull(error: Error): boolean {
  return 'code' in error && ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(error.code));
}

function describeReload({ start, stop, restart, adjust }: ReloadPlan): string {
  const parts = Object.entries({ starts: start, stops: stop, restarts: restart, 'is adjusted': adjust });
  const changes = parts.flatMap(([verb, names]) => names.map((name) => `${name} ${verb}`));
  return changes.length === 0 ? 'nothing has changed' : changes.join(', ');
}

/** The first signal stops, another kills; SIGHUP reloads, unless it says that the terminal is gone. The result is for keys that mean a signal. */
function listenForSignals(
  stop: (signal: Signal) => void,
  kill: () => void,
  reload: () => void,
): (signal: Signal) => void {
  const hadTerminal = hasTerminal();
  let firstMs: number | null = null;
  const heard = (signal: Signal) => {
    const nowMs = performance.now();
    if (firstMs === null) {
      firstMs = nowMs;
      stop(signal);
    } else if (nowMs - firstMs > sameSignalMs) kill();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => heard(signal));
  process.on('SIGHUP', () => (hadTerminal && !hasTerminal() ? heard('SIGHUP') : reload()));
  return heard;
}

/** True while a terminal controls this process. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NOCTTY));
    return true;
  } catch {
    return false;
  }
}
