/** What can be done to a run at this moment: what a key asks for, and all of it for the palette. Pure. */
import type { FaultFacts, Observation, ProcessFacts } from '../../supervisor/observe/model.ts';
import type { Binding } from '../input/bindings.ts';
import type { DashboardAction } from '../source.ts';
import { printable } from './line.ts';

export interface Choice {
  readonly label: string;
  readonly action: DashboardAction;
  /** Asked before it is done; null: it is done at once, because it can be undone or concerns one process. */
  readonly question: string | null;
}

export type Wish =
  | { readonly type: 'do'; readonly choice: Choice }
  | { readonly type: 'choose'; readonly title: string; readonly choices: readonly Choice[] }
  /** There is nothing to do; why. */
  | { readonly type: 'nothing'; readonly reason: string };

/** The bindings that do something to the run. */
export type ActionBinding = Extract<
  Binding,
  | 'kill'
  | 'kill-leader'
  | 'pause'
  | 'partition'
  | 'delay'
  | 'loss'
  | 'disk'
  | 'move-leader'
  | 'heal'
  | 'heal-all'
  | 'undo'
  | 'stop'
  | 'restart'
>;

const delays = ['20ms', '100ms', '500ms', '2s'];
const losses = ['5%', '20%', '50%'];
const syncDelays = ['50ms', '500ms', '5s'];

/** What pressing the key of `binding` means while `process` is selected. */
export function wishOf(binding: ActionBinding, process: ProcessFacts | null, observation: Observation): Wish {
  if (process === null) return { type: 'nothing', reason: 'There is no process.' };
  const { name } = process;
  switch (binding) {
    case 'kill':
      return process.pid === null ? notRunning(name) : at(choice(`Kill ${name}`, 'fault', 'kill', name));
    case 'kill-leader':
      return leaderOf(observation) === null ? noLeader : at(choice('Kill the leader', 'fault', 'kill', 'leader'));
    case 'pause':
      if (process.state === 'paused') return at(choice(`Resume ${name}`, 'fault', 'resume', name));
      return process.pid === null ? notRunning(name) : at(choice(`Pause ${name}`, 'fault', 'pause', name));
    case 'partition':
      return ofMember(process, 'Partition', partitions(process, observation));
    case 'delay':
      return ofMember(process, `Delay the messages of ${name} by`, delayChoices(name));
    case 'loss':
      return ofMember(process, `Messages of ${name} to lose`, lossChoices(name));
    case 'disk':
      return ofMember(process, `The disk of ${name}`, diskChoices(name));
    case 'move-leader': {
      const choices = moves(observation);
      if (choices.length === 0) return { type: 'nothing', reason: 'There is nobody to hand leadership to.' };
      return { type: 'choose', title: 'Hand leadership to', choices };
    }
    case 'heal': {
      const choices = heals(observation.faults);
      const [only] = choices;
      if (only === undefined) return noFaults;
      return choices.length === 1 ? at(only) : { type: 'choose', title: 'Heal', choices: [...choices, healAll] };
    }
    case 'heal-all':
      return at(healAll);
    case 'undo': {
      const last = observation.faults.at(-1);
      return last === undefined ? noFaults : at(heal(last));
    }
    case 'stop':
      return at(
        process.state === 'stopped'
          ? choice(`Start ${name}`, 'run', 'start', name)
          : choice(`Stop ${name}`, 'run', 'stop', name),
      );
    case 'restart':
      return at(choice(`Restart ${name}`, 'run', 'restart', name));
  }
}

/** Everything that can be done, for all processes. */
export function allChoices(observation: Observation): readonly Choice[] {
  const { processes, faults } = observation;
  const members = processes.filter((one) => one.member !== null);
  const ofAll = [
    ...heals(faults),
    ...(faults.length > 0 ? [healAll] : []),
    ...(leaderOf(observation) === null
      ? []
      : [
          choice('Kill the leader', 'fault', 'kill', 'leader'),
          choice('Isolate the leader', 'fault', 'partition', '--isolate', 'leader'),
        ]),
    ...(members.length > 2 ? shapes(members[0]?.name ?? '') : []),
    ...moves(observation),
  ];
  const ofEach = processes.flatMap((process) => {
    const { name, pid, state } = process;
    const life =
      state === 'stopped'
        ? [choice(`Start ${name}`, 'run', 'start', name)]
        : [
            choice(`Stop ${name}`, 'run', 'stop', name),
            choice(`Restart ${name}`, 'run', 'restart', name),
            ...(pid === null ? [] : [choice(`Kill ${name}`, 'fault', 'kill', name)]),
            state === 'paused'
              ? choice(`Resume ${name}`, 'fault', 'resume', name)
              : choice(`Pause ${name}`, 'fault', 'pause', name),
          ];
    if (process.member === null) return life;
    return [
      ...life,
      isolate(name),
      ...peersOf(process, observation).map((peer) => cut(name, peer)),
      ...delayChoices(name).map((one) => ({ ...one, label: `Delay messages of ${name}: ${one.label}` })),
      ...lossChoices(name).map((one) => ({ ...one, label: `Lose messages of ${name}: ${one.label}` })),
      ...diskChoices(name).map((one) => ({ ...one, label: `Disk of ${name}: ${one.label}` })),
    ];
  });
  return [...ofAll, ...ofEach, ...wholeRun(processes.length)];
}

const noFaults: Wish = { type: 'nothing', reason: 'No fault is active.' };
const noLeader: Wish = { type: 'nothing', reason: 'Nobody leads at the moment.' };
const healAll = choice('Heal all faults', 'fault', 'heal', '--all');

function wholeRun(count: number): Choice[] {
  return [
    { ...choice('Restart one after the other', 'run', 'restart-all', '--rolling'), question: null },
    { ...choice('Restart all', 'run', 'restart-all'), question: `Restart all ${count} processes at once?` },
    { ...choice('Stop all and quit', 'run', 'stop-all'), question: `Stop all ${count} processes and end the run?` },
    { ...choice('Read the Procfile again', 'run', 'reload'), question: null },
  ];
}

/** Cuts through the whole cluster; `name` is who a bridge goes over. */
function shapes(name: string): Choice[] {
  return [
    choice('The leader with a minority', 'fault', 'partition', '--minority'),
    choice('The leader with the majority', 'fault', 'partition', '--majority'),
    choice('The leader hears, but is not heard', 'fault', 'partition', '--leader-outbound'),
    choice('The leader is heard, but hears nobody', 'fault', 'partition', '--leader-inbound'),
    choice('Two halves', 'fault', 'partition', '--halves'),
    choice(`Two halves that hear each other through ${name}`, 'fault', 'partition', '--bridge', name),
    choice('A ring: each hears two neighbours', 'fault', 'partition', '--ring'),
  ];
}

function partitions(process: ProcessFacts, observation: Observation): Choice[] {
  const leader = leaderOf(observation);
  const ofLeader =
    leader === null || leader === process.name
      ? []
      : [choice('Isolate the leader', 'fault', 'partition', '--isolate', 'leader')];
  const peers = peersOf(process, observation);
  return [
    isolate(process.name),
    ...ofLeader,
    ...(peers.length > 1 ? shapes(process.name) : []),
    ...peers.flatMap((peer) => [cut(process.name, peer), cut(peer, process.name)]),
  ];
}

function isolate(name: string): Choice {
  return choice(`Isolate ${name}`, 'fault', 'partition', '--isolate', name);
}

function cut(from: string, to: string): Choice {
  return choice(`Cut ${from} → ${to}`, 'fault', 'partition', '--link', `${from}>${to}`);
}

function peersOf({ name }: ProcessFacts, { processes }: Observation): string[] {
  return processes.filter((one) => one.member !== null && one.name !== name).map((one) => one.name);
}

function delayChoices(name: string): Choice[] {
  return delays.map((delay) => choice(delay, 'fault', 'delay', delay, '--member', name));
}

function lossChoices(name: string): Choice[] {
  return losses.map((loss) => choice(loss, 'fault', 'loss', loss, '--member', name));
}

function diskChoices(name: string): Choice[] {
  return [
    ...syncDelays.map((delay) => choice(`each sync takes ${delay} longer`, 'fault', 'disk', name, '--slow', delay)),
    choice('syncs fail with EIO', 'fault', 'disk', name, '--fail', 'EIO'),
    choice('syncs fail with ENOSPC', 'fault', 'disk', name, '--fail', 'ENOSPC'),
  ];
}

function moves(observation: Observation): Choice[] {
  const led = new Set(
    leadersOf(observation).map((leader) => observation.processes.find((one) => one.name === leader)?.member?.clusterId),
  );
  return observation.processes
    .filter(({ member, state }) => member?.role === 'follower' && state === 'running' && led.has(member.clusterId))
    .map(({ name }) => choice(`Move leadership to ${name}`, 'fault', 'move-leader', name));
}

function heals(faults: readonly FaultFacts[]): Choice[] {
  return faults.map(heal);
}

function heal(fault: FaultFacts): Choice {
  return choice(`Heal ${fault.id}: ${printable(fault.text)}`, 'fault', 'heal', fault.id);
}

/** The name of the process that leads, of the first cluster that has a leader. */
export function leaderOf(observation: Pick<Observation, 'processes'>): string | null {
  return leadersOf(observation)[0] ?? null;
}

/** The names of the leaders, one of each cluster that has one; of several (an old one that has not heard yet) that of the highest term. */
export function leadersOf({ processes }: Pick<Observation, 'processes'>): readonly string[] {
  const leaders = new Map<string | null, { readonly name: string; readonly term: number }>();
  for (const { name, state, member } of processes) {
    if (state !== 'running' || member?.role !== 'leader') continue;
    const term = member.term ?? 0;
    const known = leaders.get(member.clusterId);
    if (known === undefined || term > known.term) leaders.set(member.clusterId, { name, term });
  }
  return [...leaders.values()].map((one) => one.name);
}

function ofMember(process: ProcessFacts, title: string, choices: readonly Choice[]): Wish {
  if (process.member === null) return { type: 'nothing', reason: `${process.name} is no etcd member.` };
  return { type: 'choose', title, choices };
}

function notRunning(name: string): Wish {
  return { type: 'nothing', reason: `${name} does not run.` };
}

function at(choice: Choice): Wish {
  return { type: 'do', choice };
}

function choice(label: string, ...words: readonly string[]): Choice {
  return { label, action: { words }, question: null };
}
