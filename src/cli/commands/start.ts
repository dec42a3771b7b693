/** `clusterctl start`: turns the command line into a supervisor, and the supervisor's end into an exit code. */
import { memberDataDir } from '../../supervisor/cluster-state.ts';
import type { Source } from '../../supervisor/control-path.ts';
import { controlFolder, socketPath, sourceText } from '../../supervisor/control-path.ts';
import type { RunStatus } from '../../supervisor/control-protocol.ts';
import type { Handler } from '../../supervisor/control-server.ts';
import { ControlServer } from '../../supervisor/control-server.ts';
import { displayWidth } from '../../supervisor/display-width.ts';
import { effective } from '../../supervisor/env-file/merge.ts';
import type { EtcdChoice } from '../../supervisor/etcd-binary.ts';
import type { GeneratedCluster, MemberAddress } from '../../supervisor/etcd-members.ts';
import { clientUrl, clientUrlOf, memberEnv } from '../../supervisor/etcd-members.ts';
import { HistoryWriter, historyFolder } from '../../supervisor/history.ts';
import { LogMux } from '../../supervisor/log-mux.ts';
import { standardOutput } from '../../supervisor/output.ts';
import type { Spec } from '../../supervisor/plan.ts';
import { programOf } from '../../supervisor/plan.ts';
import type { ProcessSpec } from '../../supervisor/process.ts';
import { describeExit } from '../../supervisor/process.ts';
import type { Signal } from '../../supervisor/process-machine.ts';
import { Supervisor } from '../../supervisor/supervisor.ts';
import { wantsColour } from '../colour.ts';
import { historyFallback, sourceOf, stateDirOf } from '../control-target.ts';
import { etcdFor } from '../etcd-choice.ts';
import { exitCode } from '../exit-codes.ts';
import { exitCodeOf } from '../exit-policy.ts';
import type { RunRequest } from '../planned-specs.ts';
import { clustersOf, planRun } from '../planned-specs.ts';
import { readEnvFiles } from '../read-env.ts';
import { complain } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** How long output that nobody takes is waited for at the end. */
const flushPatienceMs = 1_000;
/** npm passes a Ctrl-C on to us that the terminal sent us already: so soon after the first, it is the same one. */
const sameSignalMs = 150;

export async function start(request: RunRequest): Promise<number> {
  const { options } = request;
  const variables = readEnvFiles(options);
  if (!variables.ok) return variables.error;
  const added = effective(variables.value);
  const environment = { ...process.env, ...added };
  const planned = planRun(request, added);
  if (!planned.ok) return planned.error;
  const specs = planned.value;

  const needsEtcd = specs.some((spec) => programOf(spec.command) === 'etcd');
  const etcd = etcdFor(options, environment['PATH'] ?? '', needsEtcd || request.given.has('etcd'));
  if (!etcd.ok) return failed(etcd.error);
  try {
    const stateDir = stateDirOf(options);
    const clusters = await clustersOf(specs, stateDir);
    if (!clusters.ok) return failed(clusters.error);
    const describe = (spec: Spec) =>
      processSpec(spec, { environment, clusters: clusters.value, stateDir, etcd: etcd.value, options });
    return await supervise(specs, describe, request);
  } finally {
    etcd.value.close();
  }
}

interface Surroundings {
  /** Of the supervisor, with the variables of env files. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clusters: ReadonlyMap<string, GeneratedCluster>;
  readonly stateDir: string;
  readonly etcd: EtcdChoice;
  readonly options: Options;
}

function processSpec(spec: Spec, { environment, clusters, stateDir, etcd, options }: Surroundings): ProcessSpec {
  const cluster = spec.cluster === null ? undefined : clusters.get(spec.cluster);
  const member = cluster?.members.find((one) => one.name === spec.name);
  const dataDir = memberDataDir(stateDir, spec.name);
  const isEtcd = programOf(spec.command) === 'etcd';
  return {
    name: spec.name,
    command: spec.command,
    cwd: process.cwd(),
    env: {
      ...environment,
      PATH: etcd.path,
      ...spec.env,
      ...(cluster !== undefined && member !== undefined && memberEnv(cluster, member, dataDir)),
    },
    entry: spec.entry,
    port: spec.port,
    clientUrl: member !== undefined ? clientUrl(member) : isEtcd ? clientUrlOf(spec.command) : null,
    graceMs: options.grace,
    greeting: [greeting(spec, member, dataDir), ...(isEtcd ? [`etcd is ${etcd.description}`] : [])],
  };
}

function greeting(spec: Spec, member: MemberAddress | undefined, dataDir: string): string {
  if (member !== undefined) return `Starting ${spec.name}: clients at ${clientUrl(member)}, data in ${dataDir}`;
  return spec.port === null ? `Starting ${spec.name}` : `Starting ${spec.name} on port ${spec.port}`;
}

async function supervise(
  specs: readonly Spec[],
  describe: (spec: Spec) => ProcessSpec,
  { options, given }: RunRequest,
): Promise<number> {
  const output = standardOutput();
  const text = {
    colour: wantsColour(options.color),
    timestamps: options.timestamps,
    nameWidth: Math.max(...specs.map((spec) => displayWidth(spec.name))),
  };
  const mux = new LogMux(output, options.output === 'ndjson' ? 'ndjson' : text);
  const source = sourceOf(options, given);
  const histories = options.history ? openHistories(specs, source) : new Map<string, HistoryWriter>();
  const channels = new Map(
    specs.map(({ name, colourIndex }) => [name, mux.channel(name, colourIndex, histories.get(name) ?? null)]),
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
  await Promise.all([...histories.values()].map((history) => history.close()));
  if (result.failure !== null) complain(`${result.failure.name} ${describeExit(result.failure.exit)}`);
  return exitCodeOf(result, options['exit-code']);
}

/** What `clusterctl logs` reads; without it the processes run all the same. */
function openHistories(specs: readonly Spec[], source: Source): ReadonlyMap<string, HistoryWriter> {
  try {
    const folder = historyFolder(source, process.env, historyFallback());
    return new Map(specs.map((spec) => [spec.name, new HistoryWriter(folder, spec.name)]));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    complain(`warning: no log history: ${reason} (--history=false says that you need none)`);
    return new Map();
  }
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

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}
