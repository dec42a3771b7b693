/** `clusterctl start`: turns the command line, the Procfile and env files into what is to run. */
import { memberDataDir } from '../../supervisor/cluster-state.ts';
import { effective } from '../../supervisor/env-file/merge.ts';
import type { EtcdChoice } from '../../supervisor/etcd-binary.ts';
import type { GeneratedCluster, MemberAddress } from '../../supervisor/etcd-members.ts';
import { clientUrl, clientUrlOf, memberEnv } from '../../supervisor/etcd-members.ts';
import type { Spec } from '../../supervisor/plan.ts';
import { programOf } from '../../supervisor/plan.ts';
import type { ProcessSpec } from '../../supervisor/process.ts';
import { stateDirOf } from '../control-target.ts';
import { etcdFor } from '../etcd-choice.ts';
import { exitCode } from '../exit-codes.ts';
import type { RunRequest } from '../planned-specs.ts';
import { clustersOf, planRun } from '../planned-specs.ts';
import { readEnvFiles } from '../read-env.ts';
import { complain } from '../read-procfile.ts';
import { supervise } from '../supervise.ts';
import type { Options } from '../syntax.ts';

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

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}
