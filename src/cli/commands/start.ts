/** `clusterctl start`: turns the command line, the Procfile and env files into what is to run. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { adminSocketVariable } from '../../base/admin-protocol.ts';
import type { MemberEndpoint } from '../../base/member-endpoint.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { AdminFolder } from '../../supervisor/admin-folder.ts';
import { openAdminFolder } from '../../supervisor/admin-folder.ts';
import { memberDataDir } from '../../supervisor/cluster-state.ts';
import type { Config, EtcdSettings, Settings } from '../../supervisor/config/settings.ts';
import { dependenciesOf, resolveEndpoint, resolveReady } from '../../supervisor/config/settings.ts';
import { controlFolder } from '../../supervisor/control-path.ts';
import { effective } from '../../supervisor/env-file/merge.ts';
import type { EtcdChoice } from '../../supervisor/etcd-binary.ts';
import type { EtcdOption } from '../../supervisor/etcd-endpoint.ts';
import { commandOption, etcdEndpoint, fileOption, isMember } from '../../supervisor/etcd-endpoint.ts';
import type { GeneratedCluster, MemberAddress } from '../../supervisor/etcd-members.ts';
import { clientUrl, memberEnv } from '../../supervisor/etcd-members.ts';
import type { Spec } from '../../supervisor/plan.ts';
import { programOf, programWord } from '../../supervisor/plan.ts';
import { portConflicts } from '../../supervisor/port-preflight.ts';
import type { ProcessSpec } from '../../supervisor/process.ts';
import type { ReadyCheck } from '../../supervisor/ready-check.ts';
import { defaultTiming } from '../../supervisor/ready-check.ts';
import { keepPorts } from '../../supervisor/reload-plan.ts';
import { defaultRestart } from '../../supervisor/restart-policy.ts';
import { endLeftBehind } from '../../supervisor/run-record.ts';
import { within } from '../../supervisor/within.ts';
import { ClusterFabric } from '../cluster-fabric.ts';
import { stateDirOf } from '../control-target.ts';
import { dashboardSettings } from '../dashboard-settings.ts';
import { etcdFor } from '../etcd-choice.ts';
import { exitCode } from '../exit-codes.ts';
import type { Planned, RunRequest } from '../planned-specs.ts';
import { clustersOf, planAll } from '../planned-specs.ts';
import { processSettings } from '../process-settings.ts';
import { configFile, readConfig } from '../read-config.ts';
import { readEnvFiles } from '../read-env.ts';
import type { Say } from '../read-procfile.ts';
import { complain } from '../read-procfile.ts';
import type { Prepared } from '../supervise.ts';
import { supervise } from '../supervise.ts';
import { wantsDashboard } from '../terminal-use.ts';

/** Nothing runs any more that what is left could be good for. */
const farewellMs = 1_000;

export async function start(request: RunRequest): Promise<number> {
  const first = await readFiles(request);
  if (!first.ok) return first.error;
  const { environment, planned } = first.value;
  const needsEtcd = planned.specs.some((spec) => programOf(spec.command) === 'etcd');
  const etcd = etcdFor(request.options, environment['PATH'] ?? '', needsEtcd || request.given.has('etcd'));
  if (!etcd.ok) return failed(etcd.error);
  const admin = etcd.value.isBundled ? adminFolder() : null;
  const fabric = new ClusterFabric(request.options.fabric, etcd.value, complain);
  try {
    const prepared = await prepare(first.value, [], request, etcd.value, admin, fabric);
    if (!prepared.ok) return prepared.error;
    await cleanUp();
    if (!(await portsAreFree(prepared.value.map((one) => one.process)))) return exitCode.failed;
    const dashboard = wantsDashboard(request)
      ? await dashboardSettings(first.value.config.dashboard, request.options)
      : null;
    if (dashboard?.ok === false) return failed(dashboard.error);
    const again = async (before: readonly Spec[]): Promise<Result<readonly Prepared[], string>> => {
      const complaints: string[] = [];
      const say = (message: string) => {
        complaints.push(message);
        complain(message);
      };
      const read = await readFiles(request, say);
      const now = read.ok ? await prepare(read.value, before, request, etcd.value, admin, fabric, say) : read;
      return now.ok ? now : err(complaints.join('\n'));
    };
    return await supervise(prepared.value, again, request, dashboard?.value ?? null, fabric);
  } finally {
    await within(fabric.close(), farewellMs);
    admin?.close();
    etcd.value.close();
  }
}

/** Null, after saying why, if there can be none: the members run all the same. */
function adminFolder(): AdminFolder | null {
  const folder = openAdminFolder();
  if (folder.ok) return folder.value;
  complain(`warning: no faults, and no news of elections at once: ${folder.error}`);
  return null;
}

/** Outside of Linux a supervisor that was killed may have left something behind, which may hold our ports. */
async function cleanUp(): Promise<void> {
  if (process.platform === 'linux') return;
  const folder = controlFolder();
  for (const ended of folder.ok ? await endLeftBehind(folder.value) : []) complain(`warning: ${ended}`);
}

/** False after saying why something could not listen. */
async function portsAreFree(specs: readonly ProcessSpec[]): Promise<boolean> {
  const { refused, warnings } = await portConflicts(specs);
  for (const warning of warnings) complain(`warning: ${warning}`);
  for (const [name, reasons] of refused) for (const reason of reasons) complain(`${name}: ${reason}`);
  return refused.size === 0;
}

/** What the files say. */
interface Files {
  /** Of the supervisor, with the variables of env files. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly planned: Planned;
  readonly config: Config;
}

/** Or the exit code after the errors have been said. */
async function readFiles(request: RunRequest, say: Say = complain): Promise<Result<Files, number>> {
  const variables = readEnvFiles(request.options, say);
  if (!variables.ok) return variables;
  const added = effective(variables.value);
  const planned = planAll(request, added, say);
  if (!planned.ok) return planned;
  const { entries, all } = planned.value;
  const config = await readConfig(request.options, { entries, specs: all }, say);
  if (!config.ok) return config;
  return ok({ environment: { ...process.env, ...added }, planned: planned.value, config: config.value });
}

/** Everything that spawning needs; or the exit code after the errors have been said. `before` is what runs already. */
async function prepare(
  { environment, planned, config }: Files,
  before: readonly Spec[],
  request: RunRequest,
  etcd: EtcdChoice,
  admin: AdminFolder | null,
  fabric: ClusterFabric,
  say: Say = complain,
): Promise<Result<readonly Prepared[], number>> {
  const specs = keepPorts(before, planned.specs);
  const starting = specs.filter((spec) => !before.some((one) => one.name === spec.name));
  const stateDir = stateDirOf(request.options);
  const clusters = await clustersOf(specs, stateDir, starting, fabric.route);
  if (!clusters.ok) return err(failed(clusters.error, say));
  const joined = await fabric.join(clusters.value);
  if (!joined.ok) return err(failed(joined.error, say));
  const surroundings = { environment, clusters: clusters.value, stateDir, etcd, admin, fabric, config, specs, request };
  const prepared: Prepared[] = [];
  for (const spec of specs) {
    const process = await processSpec(spec, surroundings);
    if (!process.ok) return err(failed(`${spec.name}.${process.error}`, say));
    prepared.push({ spec, process: process.value });
  }
  return ok(prepared);
}

interface Surroundings extends Pick<Files, 'environment' | 'config'> {
  readonly clusters: ReadonlyMap<string, GeneratedCluster>;
  readonly stateDir: string;
  readonly etcd: EtcdChoice;
  /** Null if members offer no admin sockets. */
  readonly admin: AdminFolder | null;
  readonly fabric: ClusterFabric;
  /** All that run. */
  readonly specs: readonly Spec[];
  readonly request: RunRequest;
}

async function processSpec(spec: Spec, surroundings: Surroundings): Promise<Result<ProcessSpec, string>> {
  const { environment, clusters, stateDir, etcd, admin, fabric, config, specs, request } = surroundings;
  const cluster = spec.cluster === null ? undefined : clusters.get(spec.cluster);
  const member = cluster?.members.find((one) => one.name === spec.name);
  const dataDir = memberDataDir(stateDir, spec.name);
  const isEtcd = programOf(spec.command) === 'etcd';
  // One that names its folder is an etcd of its own.
  const adminSocket =
    programWord(spec.command) === 'etcd' && isMember(spec.command) && admin !== null ? admin.socketOf(spec.name) : null;
  const { own, all: settings, cwd, graceMs, stopSignal } = processSettings(spec, config, request);
  const port = ownPort(settings.env) ?? spec.port;
  const env = {
    ...environment,
    PATH: etcd.path,
    ...spec.env,
    ...settings.env,
    ...(cluster !== undefined && member !== undefined && memberEnv(cluster, member, dataDir)),
    ...fabric.envOf(spec.name),
    ...(adminSocket !== null && { [adminSocketVariable]: adminSocket }),
  };
  const named = resolveEndpoint(settings.etcd, port);
  if (!named.ok) return named;
  const asked = { ...settings.etcd, endpoint: named.value };
  const isAsked = isMember(spec.command) || named.value !== null;
  const endpoint = isAsked ? await endpointOf(spec.command, env, cwd, asked, request) : null;
  const ready = readyOf(own, config.defaults, endpoint, port);
  if (!ready.ok) return ready;
  return ok({
    name: spec.name,
    command: spec.command,
    cwd,
    env,
    entry: spec.entry,
    port,
    endpoint,
    adminSocket,
    graceMs,
    greeting: [greeting({ ...spec, port }, member, dataDir), ...(isEtcd ? [`etcd is ${etcd.description}`] : [])],
    ready: ready.value,
    dependsOn: dependenciesOf(config, spec, specs),
    restart: { ...defaultRestart, ...settings.restart },
    stopSignal,
  });
}

/** How clients reach an etcd that is started so. */
async function endpointOf(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  settings: EtcdSettings,
  { options }: RunRequest,
): Promise<MemberEndpoint> {
  const given = commandOption(command, env);
  const file = given('config-file');
  const option = (file === null ? null : await etcdFileOption(resolve(cwd, file))) ?? given;
  const folders = { cwd, userFolder: process.cwd(), settingsFolder: resolve(dirname(configFile(options))) };
  return etcdEndpoint({ option, env, settings, ...folders });
}

/** What etcd's own config file says; null if it cannot be read, which etcd will say itself. */
async function etcdFileOption(file: string): Promise<EtcdOption | null> {
  try {
    const text = await readFile(file, 'utf8');
    const { parseYaml } = await import('../../supervisor/config/parse.ts');
    return fileOption(parseYaml(text));
  } catch {
    return null;
  }
}

/** A PORT that the config file sets. */
function ownPort(env: Settings['env']): number | null {
  const text = env['PORT'] ?? '';
  return /^\d{1,5}$/.test(text) ? Number(text) : null;
}

/** An etcd is ready when it knows a leader, unless something else is said of it. */
function readyOf(
  own: Settings,
  all: Settings,
  endpoint: MemberEndpoint | null,
  port: number | null,
): Result<ReadyCheck, string> {
  if (own.ready === null && endpoint !== null) return ok({ type: 'etcd', endpoint, ...defaultTiming });
  const setting = own.ready ?? all.ready;
  return setting === null ? ok({ type: 'started' }) : resolveReady(setting, port);
}

function greeting(spec: Spec, member: MemberAddress | undefined, dataDir: string): string {
  if (member !== undefined) return `Starting ${spec.name}: clients at ${clientUrl(member)}, data in ${dataDir}`;
  return spec.port === null ? `Starting ${spec.name}` : `Starting ${spec.name} on port ${spec.port}`;
}

function failed(message: string, say: Say = complain): number {
  say(message);
  return exitCode.failed;
}
