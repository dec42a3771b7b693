/** Decides what a fault is, given who runs and who leads now: targets, rules, and the words for them. Pure. */
import { unreachable } from '../../base/assert.ts';
import type { Random } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { Cast } from './cast.ts';
import type { FaultCommand, Target } from './command.ts';
import { cutOf } from './cut.ts';
import type { LinkRule } from './link-backend.ts';
import { type ChosenLinks, chosenLinks, type Link } from './links.ts';
import { formatMs } from './parse.ts';
import type { ProcessView } from './view.ts';

/** A fault, decided: who `leader` is does not change any more. */
export interface FaultPlan {
  /** The words that inject the same. */
  readonly command: string;
  /** For people. */
  readonly text: string;
  /** Names of processes. */
  readonly targets: readonly string[];
  readonly effect: FaultEffect;
}

export type FaultEffect =
  | { readonly type: 'kill' | 'stop' | 'restart' | 'pause'; readonly name: string }
  | { readonly type: 'move-leader'; readonly from: string; readonly to: string }
  | { readonly type: 'links'; readonly rules: readonly LinkRule[] }
  | { readonly type: 'disk'; readonly name: string; readonly rule: DiskRule };

export interface DiskRule {
  readonly slowMs: number;
  readonly error: string | null;
}

/** What is left of the commands: the others ask nothing of the processes. */
export type PlannedCommand = Exclude<FaultCommand, { type: 'heal' | 'list' | 'resume' }>;

/** The error says what is possible instead. */
export function planFault(
  command: PlannedCommand,
  processes: readonly ProcessView[],
  random: Random,
): Result<FaultPlan, string> {
  const cast = new Cast(processes, random);
  switch (command.type) {
    case 'kill':
    case 'stop':
    case 'restart':
    case 'pause':
      return planProcess(command.type, command.target, cast);
    case 'move-leader':
      return planMove(command.to, cast);
    case 'partition':
      return planPartition(command, cast);
    case 'delay': {
      const links = chosenLinks(command.links, cast);
      if (!links.ok) return links;
      const { delayMs, jitterMs, messages } = command;
      const amount = jitterMs === 0 ? formatMs(delayMs) : `${formatMs(delayMs)}±${formatMs(jitterMs)}`;
      return ok(planLinks(links.value, { delayMs, jitterMs }, messages, `delay ${amount}`, `late by ${amount}`));
    }
    case 'loss': {
      const links = chosenLinks(command.links, cast);
      if (!links.ok) return links;
      const { share, messages } = command;
      const amount = `${Number((share * 100).toFixed(4))}%`;
      return ok(
        planLinks(links.value, { loss: share }, messages, `loss ${amount}`, `losing ${amount} of all messages`),
      );
    }
    case 'disk':
      return planDisk(command, cast);
    default:
      return unreachable(command);
  }
}

const processTexts = {
  kill: (name: string) => `${name} is killed (SIGKILL) and stays down`,
  stop: (name: string) => `${name} is stopped`,
  restart: (name: string) => `${name} is restarted`,
  pause: (name: string) => `${name} is paused (SIGSTOP)`,
} as const;

function planProcess(
  type: 'kill' | 'stop' | 'restart' | 'pause',
  target: Target,
  cast: Cast,
): Result<FaultPlan, string> {
  const found = cast.process(target);
  if (!found.ok) return found;
  const { name, state, paused } = found.value;
  if (state !== 'running' && type !== 'restart') return err(`${name} does not run`);
  if (paused && type === 'pause') return err(`${name} is paused already`);
  return ok({ command: `${type} ${name}`, text: processTexts[type](name), targets: [name], effect: { type, name } });
}

function planMove(to: Target | null, cast: Cast): Result<FaultPlan, string> {
  const wanted = to === null ? null : cast.member(to);
  if (wanted !== null && !wanted.ok) return wanted;
  const cluster = wanted === null ? cast.cluster() : ok(cast.clusterOf(wanted.value.name));
  if (!cluster.ok) return cluster;
  const running = cluster.value.filter(({ state, paused }) => state === 'running' && !paused);
  const leader = running.find(({ member }) => member?.leads === true);
  if (leader === undefined) return err('no member leads now');
  const heir = wanted?.value ?? running.find((one) => one !== leader);
  if (heir === undefined) return err(`${leader.name} is the only member that runs`);
  if (heir.name === leader.name) return err(`${leader.name} leads already`);
  if (!running.includes(heir)) return err(`${heir.name} does not run`);
  return ok({
    command: `move-leader ${heir.name}`,
    text: `${leader.name} hands leadership to ${heir.name}`,
    targets: [leader.name, heir.name],
    effect: { type: 'move-leader', from: leader.name, to: heir.name },
  });
}

function planDisk(command: Extract<FaultCommand, { type: 'disk' }>, cast: Cast): Result<FaultPlan, string> {
  const { target, slowMs, error } = command;
  const found = cast.member(target);
  if (!found.ok) return found;
  const { name } = found.value;
  const flags = [...(slowMs > 0 ? [`--slow ${formatMs(slowMs)}`] : []), ...(error === null ? [] : [`--fail ${error}`])];
  const slow = slowMs > 0 ? [`take ${formatMs(slowMs)} longer`] : [];
  const fail = error === null ? [] : [`fail with ${error}`];
  return ok({
    command: `disk ${flags.join(' ')} ${name}`,
    text: `syncs of ${name} ${[...slow, ...fail].join(' and ')}`,
    targets: [name],
    effect: { type: 'disk', name, rule: { slowMs, error } },
  });
}

function planLinks(
  { links, flags, where }: ChosenLinks,
  rule: Partial<Pick<LinkRule, 'delayMs' | 'jitterMs' | 'loss'>>,
  messages: readonly string[] | null,
  command: string,
  effect: string,
): FaultPlan {
  const types = messages === null ? '' : ` (${messages.join(', ')})`;
  return {
    command: `${command}${flags}${messagesFlag(messages)}`,
    text: `${where}: ${effect}${types}`,
    targets: [...new Set(links.flatMap(({ from, to }) => [from, to]))],
    effect: { type: 'links', rules: links.map((link) => ruleOf(link, rule, messages)) },
  };
}

function ruleOf(link: Link, rule: Partial<LinkRule>, messages: readonly string[] | null): LinkRule {
  const whole = { cut: false, mode: 'hold', delayMs: 0, jitterMs: 0, loss: 0 } as const;
  return { ...link, ...whole, ...rule, ...(messages !== null && { messages }) };
}

function messagesFlag(messages: readonly string[] | null): string {
  return messages === null ? '' : ` --messages ${messages.join(',')}`;
}

function planPartition(
  { partition, mode, messages }: Extract<FaultCommand, { type: 'partition' }>,
  cast: Cast,
): Result<FaultPlan, string> {
  const cut = cutOf(partition, cast);
  if (!cut.ok) return cut;
  const { links, flags, text, targets } = cut.value;
  if (links.length === 0) return err('that would cut no link');
  const types = messages === null ? '' : ` (${messages.join(', ')} only)`;
  return ok({
    command: `partition ${flags}${mode === 'hold' ? '' : ` --mode ${mode}`}${messagesFlag(messages)}`,
    text: `${text}${types}`,
    targets,
    effect: { type: 'links', rules: links.map((link) => ruleOf(link, { cut: true, mode }, messages)) },
  });
}
