/** What `clusterctl.yaml` says about processes, and what that means for one of them. Pure. */
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { Spec } from '../plan.ts';
import type { Signal } from '../process-machine.ts';
import type { ReadyCheck, Timing } from '../ready-check.ts';
import { defaultExecTiming, defaultTiming } from '../ready-check.ts';
import type { RestartPolicy } from '../restart-policy.ts';

/** `$PORT` in a check stands for the PORT of the instance. */
export type ReadySetting =
  | { readonly type: 'started' | 'finished' }
  | { readonly type: 'log'; readonly pattern: string }
  | ({ readonly type: 'port'; readonly port: string } & Partial<Timing>)
  /** `url` may be a path alone: on the PORT of the instance. */
  | ({ readonly type: 'http'; readonly url: string; readonly status: number } & Partial<Timing>)
  | ({ readonly type: 'exec'; readonly command: string } & Partial<Timing>);

/** Of one process or of all; null and empty where nothing is said. */
export interface Settings {
  readonly ready: ReadySetting | null;
  /** Names of entries or instances. */
  readonly dependsOn: readonly string[];
  readonly restart: Partial<RestartPolicy>;
  readonly stopSignal: Signal | null;
  readonly graceMs: number | null;
  readonly env: Readonly<Record<string, string>>;
  /** Relative to the folder of the file. */
  readonly cwd: string | null;
  readonly etcd: EtcdSettings;
}

/** How the supervisor asks an etcd. Files are relative to the folder of the file. */
export interface EtcdSettings {
  /** A process with one is an etcd, whatever its command is. `$PORT` stands for its PORT. */
  readonly endpoint: string | null;
  readonly cacert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

export interface Config {
  readonly defaults: Settings;
  /** By the name of an entry or of an instance. */
  readonly processes: ReadonlyMap<string, Settings>;
  readonly dashboard: DashboardWishes;
}

/** How the dashboard is to be; what keys mean is the dashboard's to say. */
export interface DashboardWishes {
  readonly theme: 'dark' | 'light' | 'colour-blind' | 'mono' | null;
  /** Keys by what they do. */
  readonly keys: Readonly<Record<string, string | readonly string[]>>;
}

const nothing: Settings = {
  ready: null,
  dependsOn: [],
  restart: {},
  stopSignal: null,
  graceMs: null,
  env: {},
  cwd: null,
  etcd: { endpoint: null, cacert: null, cert: null, key: null },
};

export const emptyConfig: Config = { defaults: nothing, processes: new Map(), dashboard: { theme: null, keys: {} } };

type Named = Pick<Spec, 'name' | 'entry'>;

/** What is said about the instance itself: about its entry, and over that about the instance by its own name. */
export function ownSettings(config: Config, { name, entry }: Named): Settings {
  const ofEntry = config.processes.get(entry) ?? nothing;
  return name === entry ? ofEntry : over(ofEntry, config.processes.get(name) ?? nothing);
}

/** `more` over `less`. */
export function over(less: Settings, more: Settings): Settings {
  return {
    ready: more.ready ?? less.ready,
    dependsOn: [...new Set([...less.dependsOn, ...more.dependsOn])],
    restart: { ...less.restart, ...more.restart },
    stopSignal: more.stopSignal ?? less.stopSignal,
    graceMs: more.graceMs ?? less.graceMs,
    env: { ...less.env, ...more.env },
    cwd: more.cwd ?? less.cwd,
    etcd: {
      endpoint: more.etcd.endpoint ?? less.etcd.endpoint,
      cacert: more.etcd.cacert ?? less.etcd.cacert,
      cert: more.etcd.cert ?? less.etcd.cert,
      key: more.etcd.key ?? less.etcd.key,
    },
  };
}

/** The names of the instances among `specs` that the settings of `spec` depend on; what is not to run is not waited for. */
export function dependenciesOf(config: Config, spec: Named, specs: readonly Named[]): string[] {
  const { dependsOn } = ownSettings(config, spec);
  return specs.filter((one) => dependsOn.includes(one.name) || dependsOn.includes(one.entry)).map((one) => one.name);
}

/** The check with the PORT of the instance filled in. The error says that there is none. */
export function resolveReady(setting: ReadySetting, port: number | null): Result<ReadyCheck, string> {
  switch (setting.type) {
    case 'started':
    case 'finished':
    case 'log':
      return ok(setting);
    case 'port': {
      const text = withPort(setting.port, port);
      return text === null ? err(noPort) : ok({ ...defaultTiming, ...setting, port: Number(text) });
    }
    case 'http': {
      const url = setting.url.startsWith('/') ? `http://127.0.0.1:$PORT${setting.url}` : setting.url;
      const text = withPort(url, port);
      return text === null ? err(noPort) : ok({ ...defaultTiming, ...setting, url: text });
    }
    case 'exec':
      // Its shell knows PORT.
      return ok({ ...defaultExecTiming, ...setting });
  }
}

/** The endpoint with the PORT of the instance filled in; null if none is named. The error says that there is no PORT. */
export function resolveEndpoint({ endpoint }: EtcdSettings, port: number | null): Result<string | null, string> {
  if (endpoint === null) return ok(null);
  const text = withPort(endpoint, port);
  return text === null ? err('etcd.endpoint: there is no PORT: name the port') : ok(text);
}

const noPort = 'ready: there is no PORT to ask at: name the port';

function withPort(text: string, port: number | null): string | null {
  const mention = /\$PORT\b|\$\{PORT\}/g;
  if (port === null) return mention.test(text) ? null : text;
  return text.replace(mention, String(port));
}
