/** Decides what runs: entries, formation and chosen names become specs, one per instance. Pure. */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { Formation } from './formation.ts';
import type { Entry } from './procfile/parse.ts';

/** One instance to run, decided but for what only the machine knows (paths, free ports). */
export interface Spec {
  /** Unique among specs: the entry's name, with `.2` for the second of several instances. */
  readonly name: string;
  readonly entry: string;
  /** Which instance of its entry, from 1. */
  readonly instance: number;
  readonly command: string;
  /** Selects the colour. */
  readonly colourIndex: number;
  /** What PORT says; null if ports are not set. */
  readonly port: number | null;
  /** Added to the environment of the supervisor. */
  readonly env: Readonly<Record<string, string>>;
  /** The generated etcd cluster that the instance is a member of, or null: it runs as its command says. */
  readonly cluster: string | null;
  /** All members of that cluster, also those that are not to run now. */
  readonly clusterMembers: readonly string[];
}

export interface PlanOptions {
  readonly formation: Formation | null;
  /** Names of entries or instances; empty for all. */
  readonly only: readonly string[];
  /** PORT of the first entry. */
  readonly basePort: number;
  /** False leaves PORT alone. */
  readonly setPorts: boolean;
}

/** Between the ports of two entries, as in goreman and foreman; instances of one entry are 1 apart. */
const portStep = 100;
const portMax = 65_535;

/** The specs in file order, or every reason why there are none. */
export function planProcesses(entries: readonly Entry[], options: PlanOptions): Result<readonly Spec[], string[]> {
  const errors: string[] = [];
  const { formation } = options;
  if (formation !== null) {
    const unknown = [...formation.counts.keys()].filter((name) => !entries.some((entry) => entry.name === name));
    errors.push(...unknown.map((name) => `formation: no entry ${name} (entries: ${namesOf(entries)})`));
  }
  const all = entries.flatMap((entry) => instancesOf(entry, options, errors));
  const chosen = (spec: Spec) => options.only.includes(spec.name) || options.only.includes(spec.entry);
  const known = new Set([...entries.map((entry) => entry.name), ...all.map((spec) => spec.name)]);
  for (const name of options.only) {
    if (!known.has(name)) errors.push(`unknown proc: ${name} (entries: ${namesOf(entries)})`);
  }
  const specs = options.only.length === 0 ? all : all.filter(chosen);
  const names = new Set<string>();
  for (const spec of specs) {
    if (names.has(spec.name)) errors.push(`two processes would be called ${spec.name}: rename an entry`);
    names.add(spec.name);
    if (spec.port !== null && spec.port > portMax) {
      errors.push(`PORT of ${spec.name} would be ${spec.port}: choose a smaller base port, or --set-ports=false`);
    }
  }
  if (errors.length === 0 && specs.length === 0) errors.push('nothing to run: the formation leaves no instance');
  return errors.length > 0 ? err(errors) : ok(specs);
}

function instancesOf(entry: Entry, options: PlanOptions, errors: string[]): Spec[] {
  const { formation } = options;
  const count = formation === null ? 1 : (formation.counts.get(entry.name) ?? formation.others);
  const conflict = formation === null ? null : conflictingEtcdFlag(entry.command);
  const generated = formation !== null && programOf(entry.command) === 'etcd' && conflict === null;
  if (conflict !== null && count > 1) {
    errors.push(
      `formation: ${entry.name} sets ${conflict} itself, so its instances would be one member: remove the flag`,
    );
  }
  const members = generated ? memberNames(entry.name, count) : [];
  return Array.from({ length: count }, (_, at) => {
    const instance = at + 1;
    const port = options.setPorts ? options.basePort + portStep * entry.index + at : null;
    return {
      name: members[at] ?? (formation === null ? entry.name : `${entry.name}.${instance}`),
      entry: entry.name,
      instance,
      command: entry.command,
      colourIndex: entry.index + (generated ? at : 0),
      port,
      env: { ...(port !== null && { PORT: String(port) }), PS: `${entry.name}.${instance}` },
      cluster: generated ? entry.name : null,
      clusterMembers: members,
    };
  });
}

function namesOf(entries: readonly Entry[]): string {
  return entries.map((entry) => entry.name).join(', ');
}

/** The specs of a cluster without a Procfile: members etcd1 … etcdN. */
export function planMembers(count: number): readonly Spec[] {
  const members = memberNames('etcd', count);
  return members.map((name, at) => ({
    name,
    entry: 'etcd',
    instance: at + 1,
    command: 'exec etcd',
    colourIndex: at,
    port: null,
    env: { PS: `etcd.${at + 1}` },
    cluster: 'etcd',
    clusterMembers: members,
  }));
}

function memberNames(cluster: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${cluster}${at + 1}`);
}

/** The program that a command runs, without its folder: past variable assignments and `exec`. Empty if it cannot tell. */
export function programOf(command: string): string {
  return programWord(command).split('/').at(-1) ?? '';
}

/** The same as it is written: with its folder, if the command names one and does not leave it to PATH. */
export function programWord(command: string): string {
  const words = command.split(/\s+/).filter((word) => word !== '');
  return words.find((word) => word !== 'exec' && !/^\w+=/.test(word)) ?? '';
}

/** Flags that would contradict the variables of a generated member; etcd refuses to start with both. */
const memberFlags = [
  'name',
  'data-dir',
  'config-file',
  'listen-peer-urls',
  'listen-client-urls',
  'initial-advertise-peer-urls',
  'advertise-client-urls',
  'initial-cluster',
  'initial-cluster-token',
  'initial-cluster-state',
  'discovery',
  'discovery-srv',
];

function conflictingEtcdFlag(command: string): string | null {
  if (programOf(command) !== 'etcd') return null;
  const flags = command.split(/\s+/).map((word) => /^--?([a-z-]+)(?:=|$)/.exec(word)?.[1] ?? '');
  const found = flags.find((flag) => memberFlags.includes(flag));
  return found === undefined ? null : `--${found}`;
}
