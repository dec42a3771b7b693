/** Turns the text of `clusterctl.yaml` into settings, collecting every problem with its line and column. */
import type { Document, LineCounter, Node } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, parse, parseDocument, LineCounter as YamlLineCounter } from 'yaml';
import type { core } from 'zod';
import { toJSONSchema } from 'zod';
import { findCycles } from '../dependency-order.ts';
import type { Spec } from '../plan.ts';
import type { Signal } from '../process-machine.ts';
import { characters } from '../procfile/lex.ts';
import type { Problem } from '../procfile/problem.ts';
import type { RestartPolicy } from '../restart-policy.ts';
import type { RawConfig, RawSettings } from './schema.ts';
import { configSchema, durationMs, knownKeys, userSchema } from './schema.ts';
import type { Config, DashboardWishes, EtcdSettings, ReadySetting, Settings } from './settings.ts';
import { dependenciesOf, emptyConfig } from './settings.ts';

export interface ParsedConfig {
  /** Empty if there are problems. */
  readonly config: Config;
  readonly problems: readonly Problem[];
}

type Path = readonly PropertyKey[];

/** All processes that there are, whether they are to run now or not. */
export interface Known {
  readonly entries: readonly string[];
  readonly specs: readonly Pick<Spec, 'name' | 'entry'>[];
}

/** What whoever knows the keys of the dashboard has to say about those in the file. */
export type CheckKeys = (keys: DashboardWishes['keys']) => readonly {
  readonly name: string;
  /** Which key of its list; null: all that is said there. */
  readonly index: number | null;
  readonly target: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
}[];

/** Never throws on user input. Names in the file are checked against `known`. */
export function parseConfig(file: string, text: string, known: Known, checkKeys: CheckKeys = () => []): ParsedConfig {
  const lines = new YamlLineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const problemAt = problemsIn(file, text, lines);
  const failed = (problems: readonly Problem[]): ParsedConfig => ({ config: emptyConfig, problems });
  if (document.errors.length > 0) {
    return failed(document.errors.map((error) => problemAt(error.pos[0], 'yaml', error.message)));
  }
  let value: unknown;
  try {
    value = document.toJS() ?? {};
  } catch (error) {
    return failed([problemAt(0, 'yaml', error instanceof Error ? error.message : String(error))]);
  }

  const at = (path: Path) => offsetOf(document, path, 'value');
  const checked = configSchema.safeParse(value);
  if (!checked.success) {
    const complaints = checked.error.issues.flatMap((issue) => complaintsOf(issue, []));
    return failed(
      complaints.map(({ path, key, message, hint }) =>
        key === null
          ? problemAt(at(path), 'config', `${pathText(path)}${message}`, hint)
          : problemAt(offsetOf(document, [...path, key], 'key'), 'config', `${pathText(path)}${message}`, hint),
      ),
    );
  }
  const config = toConfig(checked.data);
  const complaints = [
    ...unknownNames(config, known),
    ...cycles(config, known),
    ...wrongKeys(config.dashboard, checkKeys),
  ];
  if (complaints.length === 0) return { config, problems: [] };
  return failed(
    complaints.map(({ path, target, message, hint }) =>
      problemAt(offsetOf(document, path, target), 'config', message, hint),
    ),
  );
}

/** The user's own file, for all runs. No wishes if there are problems. */
export function parseDashboardWishes(
  file: string,
  text: string,
  checkKeys: CheckKeys,
): { readonly wishes: DashboardWishes; readonly problems: readonly Problem[] } {
  const lines = new YamlLineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problemAt = problemsIn(file, text, lines);
  const failed = (problems: readonly Problem[]) => ({ wishes: emptyConfig.dashboard, problems });
  const [broken] = document.errors;
  if (broken !== undefined) return failed([problemAt(broken.pos[0], 'yaml', broken.message)]);
  const checked = userSchema.safeParse(document.toJS() ?? {});
  if (!checked.success) {
    const complaints = checked.error.issues.flatMap((issue) => complaintsOf(issue, []));
    return failed(
      complaints.map(({ path, key, message }) => {
        const offset = key === null ? offsetOf(document, path, 'value') : offsetOf(document, [...path, key], 'key');
        return problemAt(offset, 'config', `${pathText(path)}${message}`);
      }),
    );
  }
  const wishes = toWishes(checked.data);
  const complaints = [...wrongKeys(wishes, checkKeys)];
  if (complaints.length === 0) return { wishes, problems: [] };
  return failed(
    complaints.map(({ path, target, message, hint }) =>
      problemAt(offsetOf(document, path, target), 'config', message, hint),
    ),
  );
}

/** Any YAML, such as a config file of etcd. Throws where it is none. */
export function parseYaml(text: string): unknown {
  return parse(text);
}

/** What may stand in the file as JSON Schema (draft 2020-12), for editors. */
export function configJsonSchema(): object {
  return toJSONSchema(configSchema, { io: 'input' });
}

// Problems

interface Complaint {
  readonly path: Path;
  /** The key in the map at `path` that is meant; null for the value there. */
  readonly key: string | null;
  readonly message: string;
  readonly hint?: string;
}

function complaintsOf(issue: core.$ZodIssue, above: Path): Complaint[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const hint = `known are ${keysAt(path).join(', ')}`;
    return issue.keys.map((key) => ({
      path,
      key,
      message: `unknown key ${key}`,
      ...(keysAt(path).length > 0 && { hint }),
    }));
  }
  if (issue.code === 'invalid_key') {
    const [first] = issue.issues;
    return [{ path: path.slice(0, -1), key: String(path.at(-1)), message: first?.message ?? issue.message }];
  }
  if (issue.code === 'invalid_union') {
    // The one alternative whose kind of value it is says best what is wrong with it.
    const meant = issue.errors.find((issues) => issues.every((one) => one.path.length > 0 || !isMismatch(one)));
    if (meant !== undefined && meant.length > 0) return meant.flatMap((one) => complaintsOf(one, path));
  }
  return [{ path, key: null, message: issue.message }];
}

/** The value as a whole is of another kind. */
function isMismatch(issue: core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union';
}

function keysAt(path: Path): readonly string[] {
  if (path.length === 0) return knownKeys.file;
  if (path.length === 1 && path[0] === 'defaults') return knownKeys.defaults;
  if (path.length === 2 && path[0] === 'defaults' && path[1] === 'etcd') return knownKeys.etcd;
  if (path.length === 3 && path[0] === 'processes' && path[2] === 'etcd') return knownKeys.etcdOfProcess;
  return path.length === 2 && path[0] === 'processes' ? knownKeys.process : [];
}

/** `web.grace: `, as people would say it. */
function pathText(path: Path): string {
  const named = path[0] === 'processes' && path.length > 1 ? path.slice(1) : path;
  return named.length === 0 ? '' : `${named.map(String).join('.')}: `;
}

interface Pointed {
  readonly path: Path;
  readonly target: 'key' | 'value';
  readonly message: string;
  readonly hint?: string;
}

function* unknownNames(config: Config, { entries, specs }: Known): Generator<Pointed> {
  const names = new Set([...entries, ...specs.map((spec) => spec.name)]);
  const hint = `there are ${[...names].join(', ')}`;
  for (const [name, { dependsOn }] of config.processes) {
    if (!names.has(name)) {
      yield { path: ['processes', name], target: 'key', message: `there is no process ${name}`, hint };
    }
    for (const [index, other] of dependsOn.entries()) {
      if (names.has(other)) continue;
      const path = ['processes', name, 'dependsOn', index];
      yield { path, target: 'value', message: `${name}.dependsOn: there is no process ${other}`, hint };
    }
  }
}

function* cycles(config: Config, { specs }: Known): Generator<Pointed> {
  const all = new Map(specs.map((spec) => [spec.name, dependenciesOf(config, spec, specs)]));
  for (const cycle of findCycles(all)) {
    const [first = ''] = cycle;
    const entry = specs.find((spec) => spec.name === first)?.entry ?? first;
    const owner = (config.processes.get(first)?.dependsOn.length ?? 0) > 0 ? first : entry;
    const path = ['processes', owner, 'dependsOn'];
    const chain = [...cycle, first].join(' waits for ');
    const message = `${owner}.dependsOn: none of them could start: ${chain}`;
    yield { path, target: 'value', message, hint: 'take one of these out' };
  }
}

function* wrongKeys({ keys }: DashboardWishes, checkKeys: CheckKeys): Generator<Pointed> {
  for (const { name, index, target, message, hint } of checkKeys(keys)) {
    const path = index === null ? ['keys', name] : ['keys', name, index];
    yield { path, target, message: `keys: ${message}`, ...(hint !== undefined && { hint }) };
  }
}

// Positions

function problemsIn(file: string, text: string, lines: LineCounter) {
  return (offset: number, code: string, message: string, hint?: string): Problem => {
    const { line, column } = position(text, lines, offset);
    return { file, line, column, severity: 'error', code, message, ...(hint !== undefined && { hint }) };
  };
}

/** Where the value at `path` begins, or its key; where there is none, what is nearest above it. */
function offsetOf(document: Document, path: Path, target: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, step] of path.entries()) {
    const here = isAlias(node) ? node.resolve(document) : node;
    if (isMap(here)) {
      const pair = here.items.find((one) => String(isScalar(one.key) ? one.key.value : one.key) === String(step));
      if (pair === undefined) return offset;
      const isTarget = target === 'key' && index === path.length - 1;
      offset = (isTarget ? null : startOf(pair.value)) ?? startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(here) && typeof step === 'number') {
      node = here.items[step];
      offset = startOf(node) ?? offset;
    } else return offset;
  }
  return offset;
}

function startOf(node: unknown): number | null {
  const range = (node as Node | null)?.range; // keys and values of a parsed document are nodes or null
  return range === undefined || range === null || range[0] === range[1] ? null : range[0];
}

/** Lines and columns from 1; columns in code points. */
function position(
  text: string,
  lines: LineCounter,
  offset: number,
): { readonly line: number; readonly column: number } {
  const { line, col } = lines.linePos(Math.min(offset, text.length));
  return { line: Math.max(1, line), column: characters(text.slice(offset - (col - 1), offset)) + 1 };
}

// Settings

function toConfig(raw: RawConfig): Config {
  const processes = Object.entries(raw.processes ?? {});
  return {
    defaults: toSettings(raw.defaults ?? {}),
    processes: new Map(processes.map(([name, settings]) => [name, toSettings(settings)])),
    dashboard: toWishes(raw),
  };
}

function toWishes({ theme, keys }: Pick<RawConfig, 'theme' | 'keys'>): DashboardWishes {
  return { theme: theme ?? null, keys: keys ?? {} };
}

function toSettings(raw: RawSettings): Settings {
  const env = Object.entries(raw.env ?? {});
  return {
    ready: raw.ready === undefined ? null : toReady(raw.ready),
    dependsOn: raw.dependsOn ?? [],
    restart: raw.restart === undefined ? {} : toRestart(raw.restart),
    stopSignal: raw.stopSignal === undefined ? null : toSignal(raw.stopSignal),
    graceMs: raw.grace === undefined ? null : durationMs(raw.grace),
    env: Object.fromEntries(env.map(([key, value]) => [key, String(value)])),
    cwd: raw.cwd ?? null,
    etcd: toEtcd(raw.etcd ?? {}),
  };
}

function toEtcd({ endpoint, cacert, cert, key }: NonNullable<RawSettings['etcd']>): EtcdSettings {
  return { endpoint: endpoint ?? null, cacert: cacert ?? null, cert: cert ?? null, key: key ?? null };
}

function toReady(raw: NonNullable<RawSettings['ready']>): ReadySetting {
  if (raw === 'started' || raw === 'finished') return { type: raw };
  if (raw === 'port') return { type: 'port', port: '$PORT' };
  const timing = {
    ...(raw.interval !== undefined && { intervalMs: durationMs(raw.interval) }),
    ...(raw.timeout !== undefined && { timeoutMs: durationMs(raw.timeout) }),
  };
  if (raw.port !== undefined) return { type: 'port', port: String(raw.port), ...timing };
  if (raw.http !== undefined) return { type: 'http', url: raw.http, status: raw.status ?? 200, ...timing };
  if (raw.exec !== undefined) return { type: 'exec', command: raw.exec, ...timing };
  return { type: 'log', pattern: raw.log ?? '' };
}

function toRestart(raw: NonNullable<RawSettings['restart']>): Partial<RestartPolicy> {
  if (typeof raw === 'string') return { when: raw };
  return {
    // Who says how, wants it.
    when: raw.when ?? 'on-failure',
    ...(raw.initial !== undefined && { initialMs: durationMs(raw.initial) }),
    ...(raw.max !== undefined && { maxMs: durationMs(raw.max) }),
    ...(raw.factor !== undefined && { factor: raw.factor }),
    ...(raw.maxRestarts !== undefined && { maxRestarts: raw.maxRestarts }),
    ...(raw.window !== undefined && { windowMs: durationMs(raw.window) }),
  };
}

function toSignal(name: NonNullable<RawSettings['stopSignal']>): Signal {
  const bare = name.startsWith('SIG') ? name.slice('SIG'.length) : name;
  return `SIG${bare}` as Signal; // every name of the schema is one
}
