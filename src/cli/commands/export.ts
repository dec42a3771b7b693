/** `clusterctl export FORMAT LOCATION`: writes the files with which another init system runs the Procfile. */
import type { Dirent } from 'node:fs';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import { memberDataDir } from '../../supervisor/cluster-state.ts';
import type { Config } from '../../supervisor/config/settings.ts';
import { dependenciesOf } from '../../supervisor/config/settings.ts';
import { effective } from '../../supervisor/env-file/merge.ts';
import type { GeneratedCluster } from '../../supervisor/etcd-members.ts';
import { memberEnv } from '../../supervisor/etcd-members.ts';
import type { ExportFile, Unit } from '../../supervisor/export/application.ts';
import { applicationName, signature } from '../../supervisor/export/application.ts';
import type { ExportFormat } from '../../supervisor/export/generate.ts';
import { exportFormats, generate, leftOut } from '../../supervisor/export/generate.ts';
import { makeFolder } from '../../supervisor/make-folder.ts';
import type { Spec } from '../../supervisor/plan.ts';
import { defaultRestart } from '../../supervisor/restart-policy.ts';
import { stateDirOf } from '../control-target.ts';
import { etcdFolder } from '../etcd-choice.ts';
import { exitCode } from '../exit-codes.ts';
import type { RunRequest } from '../planned-specs.ts';
import { clustersOf, planAll } from '../planned-specs.ts';
import { processSettings } from '../process-settings.ts';
import { readConfig } from '../read-config.ts';
import { readEnvFiles } from '../read-env.ts';
import { complain } from '../read-procfile.ts';
import { suggest } from '../suggest.ts';

export interface ExportRequest extends RunRequest {
  /** As the user wrote them; undefined if left out. */
  readonly format: string | undefined;
  readonly location: string | undefined;
  /** The folder to which `location` and --log are relative: where the user is, not what --basedir says. */
  readonly from: string;
}

/** What init systems give a service, or less. */
const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A file of ours says so before this many characters. */
const signatureWithin = 400;

export async function exportFiles(request: ExportRequest): Promise<number> {
  const { options, format, location } = request;
  const known = exportFormats.find((one) => one === format);
  if (known === undefined || location === undefined) return usage(request);
  if (!applicationName.test(options.app)) {
    return wrong(`--app ${JSON.stringify(options.app)}: expected letters and digits, with single . _ - between them`);
  }
  const user = options.user ?? options.app;
  if (!/^(?:[A-Za-z0-9_][\w.-]*)?$/.test(user)) return wrong(`--user ${JSON.stringify(user)} is no name of a user`);

  const variables = readEnvFiles(options);
  if (!variables.ok) return variables.error;
  const added = effective(variables.value);
  const planned = planAll(request, added);
  if (!planned.ok) return planned.error;
  const config = await readConfig(options, { entries: planned.value.entries, specs: planned.value.all });
  if (!config.ok) return config.error;
  const units = await unitsOf(planned.value.specs, config.value, added, request);
  if (!units.ok) return failed([units.error]);

  const app = {
    name: options.app,
    user: user === '' ? null : user,
    log: options.log === null ? null : resolve(request.from, options.log),
    units: units.value,
  };
  const files = generate(known, app);
  if (!files.ok) return failed(files.error);
  for (const message of leftOut(known, app)) complain(`warning: ${message}`);
  const written = write(resolve(request.from, location), files.value, { ...options, format: known });
  return written.ok ? exitCode.ok : failed(written.error);
}

async function unitsOf(
  specs: readonly Spec[],
  config: Config,
  added: Readonly<Record<string, string>>,
  request: RunRequest,
): Promise<Result<readonly Unit[], string>> {
  const { options } = request;
  const mentionsEtcd = (spec: Spec) => /\betcd\b/.test(spec.command);
  const etcd = specs.some(mentionsEtcd) ? etcdFolder(options) : ok(null);
  if (!etcd.ok) return etcd;
  const stateDir = stateDirOf(options);
  // The cluster may be running: this starts nothing.
  const clusters = await clustersOf(specs, stateDir, [], 'direct');
  if (!clusters.ok) return clusters;
  for (const [name, { peers }] of clusters.value) {
    if (peers.route === 'fabric') {
      return err(
        `the members of ${name} in ${stateDir} reach each other through the fault fabric, which is part of clusterctl start: ` +
          'export a cluster of another --state-dir',
      );
    }
  }
  // The bundled etcd is a script that needs the node that runs this.
  const path = [etcd.value, dirname(process.execPath), added['PATH'] ?? systemPath].join(delimiter);
  // An init system has no signal of its own to pass on.
  const ofAll = options['stop-signal'] === 'same' ? 'SIGTERM' : options['stop-signal'];
  const finishes = (spec: Spec) => processSettings(spec, config, request).all.ready?.type === 'finished';
  return ok(
    specs.map((spec) => {
      const { all, cwd, graceMs, stopSignal } = processSettings(spec, config, request);
      const needed = dependenciesOf(config, spec, specs);
      return {
        entry: spec.entry,
        instance: spec.instance,
        command: spec.command,
        env: {
          ...added,
          ...(mentionsEtcd(spec) && etcd.value !== null && { PATH: path }),
          ...spec.env,
          ...all.env,
          ...(spec.cluster !== null && memberOf(clusters.value, spec.name, stateDir)),
        },
        cwd,
        stopSignal: stopSignal ?? ofAll,
        graceMs,
        restart: Object.keys(all.restart).length === 0 ? null : { ...defaultRestart, ...all.restart },
        finishes: finishes(spec),
        dependsOn: specs
          .filter((one) => needed.includes(one.name))
          .map((one) => ({ entry: one.entry, instance: one.instance, finishes: finishes(one) })),
      };
    }),
  );
}

function memberOf(
  clusters: ReadonlyMap<string, GeneratedCluster>,
  name: string,
  stateDir: string,
): Record<string, string> {
  for (const cluster of clusters.values()) {
    const member = cluster.members.find((one) => one.name === name);
    if (member !== undefined) return memberEnv(cluster, member, memberDataDir(stateDir, name));
  }
  return {};
}

interface WriteOptions {
  readonly format: ExportFormat;
  readonly app: string;
  /** Files that are not ours may be replaced. */
  readonly force: boolean;
}

/** All files or none, as long as the disk lets us; what an export before left over goes. The errors name files. */
function write(
  folder: string,
  files: readonly ExportFile[],
  { format, app, force }: WriteOptions,
): Result<null, string[]> {
  makeFolder(folder);
  const ours = signature(format, app);
  const present = readdirSync(folder, { withFileTypes: true });
  const isOurs = (entry: Dirent) =>
    entry.isFile() && readFileSync(join(folder, entry.name), 'utf8').slice(0, signatureWithin).includes(ours);
  const names = new Set(files.map((file) => file.name));
  const foreign = present.filter((entry) => names.has(entry.name) && !isOurs(entry));
  const unreplaceable = force ? foreign.filter((entry) => entry.isDirectory()) : foreign;
  if (unreplaceable.length > 0) {
    return err(
      unreplaceable.map((one) => {
        const hint = one.isDirectory() ? 'choose another --app' : 'remove it, choose another --app, or give --force';
        return `${join(folder, one.name)} was not written by this export: ${hint}`;
      }),
    );
  }

  for (const { name, text } of files) {
    process.stdout.write(`writing ${join(folder, name)}\n`);
    const fresh = join(folder, `.${name}.${process.pid}`);
    writeFileSync(fresh, text, { flag: 'wx' });
    renameSync(fresh, join(folder, name));
  }
  for (const entry of present) {
    if (names.has(entry.name) || !entry.name.startsWith(app) || !isOurs(entry)) continue;
    process.stdout.write(`removing ${join(folder, entry.name)}\n`);
    rmSync(join(folder, entry.name));
  }
  return ok(null);
}

function usage({ format, location }: ExportRequest): number {
  const formats = exportFormats.join(', ');
  if (format === undefined) return wrong(`export needs a format (${formats}) and a folder to write to`);
  if (location === undefined) return wrong(`export ${format} needs a folder to write to`);
  const near = suggest(format, exportFormats);
  return wrong(`no format ${format}: ${near === null ? `choose among ${formats}` : `did you mean ${near}?`}`);
}

function wrong(message: string): number {
  complain(message);
  return exitCode.usage;
}

function failed(messages: readonly string[]): number {
  for (const message of messages) complain(message);
  return exitCode.failed;
}
