/** Runs specs under a supervisor in this terminal: its output, history, remote control and signals, from start to exit code. */
import type { Source } from '../supervisor/control-path.ts';
import { controlFolder, socketPath, sourceText } from '../supervisor/control-path.ts';
import type { RunStatus } from '../supervisor/control-protocol.ts';
import type { Handler } from '../supervisor/control-server.ts';
import { ControlServer } from '../supervisor/control-server.ts';
import { displayWidth } from '../supervisor/display-width.ts';
import { LogMux } from '../supervisor/log-mux.ts';
import { standardOutput } from '../supervisor/output.ts';
import type { Spec } from '../supervisor/plan.ts';
import type { ProcessSpec } from '../supervisor/process.ts';
import { describeExit } from '../supervisor/process.ts';
import type { Signal } from '../supervisor/process-machine.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { wantsColour } from './colour.ts';
import { sourceOf } from './control-target.ts';
import { exitCodeOf } from './exit-policy.ts';
import type { RunRequest } from './planned-specs.ts';
import { complain } from './read-procfile.ts';
import { openHistory } from './run-history.ts';

/** How long output that nobody takes is waited for at the end. */
const flushPatienceMs = 1_000;
/** npm passes a Ctrl-C on to us that the terminal sent us already: so soon after the first, it is the same one. */
const sameSignalMs = 150;

/** Resolves to the exit code when nothing of the run is alive any more. `describe` makes a spec ready to be spawned. */
export async function supervise(
  specs: readonly Spec[],
  describe: (spec: Spec) => ProcessSpec,
  request: RunRequest,
): Promise<number> {
  const { options, given } = request;
  const output = standardOutput();
  const text = {
    colour: wantsColour(options.color),
    timestamps: options.timestamps,
    nameWidth: Math.max(...specs.map((spec) => displayWidth(spec.name))),
  };
  const mux = new LogMux(output, options.output === 'ndjson' ? 'ndjson' : text);
  const source = sourceOf(options, given);
  const history = openHistory(request);
  const channels = new Map(
    specs.map(({ name, colourIndex }) => [name, mux.channel(name, colourIndex, history.writerOf(name))]),
  );
  const log = (spec: ProcessSpec) => channels.get(spec.name) ?? mux.channel(spec.name, 0, null);
  const stopSignal = options['stop-signal'];
  const policy = {
    exitOnError: options['exit-on-error'],
    exitOnStop: options['exit-on-stop'],
    stopSignal: stopSignal === 'same' ? 'SIGTERM' : stopSignal,
  };
  const supervisor = new Supervisor(specs.map(describe), log, policy);

  output.onClosed = () => supervisor.stopAll(policy.stopSignal);
  process.stderr.on('error', () => supervisor.stopAll(policy.stopSignal));
  process.on('exit', () => supervisor.killNow());
  let giveUp: () => void = () => {};
  const givenUp = new Promise<void>((resolve) => {
    giveUp = resolve;
  });
  listenForSignals(
    (signal) => supervisor.stopAll(stopSignal === 'same' ? signal : stopSignal),
    () => {
      supervisor.killAll();
      giveUp();
    },
  );
  const control = options['rpc-server'] ? await listenForControl(supervisor, source) : null;

  const result = await supervisor.run();
  await control?.close();
  // A slow reader gets everything, as long as the user has the patience.
  await Promise.race([output.flush(flushPatienceMs), givenUp]);
  await history.close();
  if (result.failure !== null) complain(`${result.failure.name} ${describeExit(result.failure.exit)}`);
  return exitCodeOf(result, options['exit-code']);
}

/** The socket of the remote control, or null after saying why there is none: the processes run all the same. */
async function listenForControl(supervisor: Supervisor, source: Source): Promise<ControlServer | null> {
  const startedAt = new Date();
  const status = (): RunStatus => ({
    version: 1,
    pid: process.pid,
    source: sourceText(source),
    startedAt: startedAt.toISOString(),
    processes: supervisor.processes.map((one) => one.status(new Date())),
  });
  const handler: Handler = async (request) => {
    const done = await supervisor.obey(request);
    return done.ok ? { ok: true, status: status() } : { ok: false, error: done.error };
  };
  try {
    const folder = controlFolder();
    if (!folder.ok) throw new Error(folder.error);
    const listening = await ControlServer.listen(socketPath(folder.value, source), handler);
    if (listening.type === 'listening') return listening.server;
    const { pid, startedAt: since } = listening.by;
    complain(
      `warning: ${sourceText(source)} is run by process ${pid} already, since ${since}; \`run\` commands go there`,
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    complain(`warning: no remote control: ${reason} (--control=false says that you need none)`);
  }
  return null;
}

/** The first signal stops, another kills. */
function listenForSignals(stop: (signal: Signal) => void, kill: () => void): void {
  let firstMs: number | null = null;
  const heard = (signal: Signal) => {
    const nowMs = performance.now();
    if (firstMs === null) {
      firstMs = nowMs;
      stop(signal);
    } else if (nowMs - firstMs > sameSignalMs) kill();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => heard(signal));
}
