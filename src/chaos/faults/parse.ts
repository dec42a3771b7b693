/** Reads the words of a fault: `partition --isolate leader`. The error is a sentence that says what is possible. Pure. */
import { type CutMode, cutModes } from '../../base/admin-protocol.ts';
import { unreachable } from '../../base/assert.ts';
import { formatDuration, parseDuration } from '../../base/duration.ts';
import { err, ok, type Result } from '../../base/result.ts';
import {
  type FaultCommand,
  type FaultVerb,
  faultVerbs,
  type LinkChoice,
  type LinkWish,
  type Partition,
} from './command.ts';

/** Raft takes a link that slow for a cut one. */
const delayMaxMs = 60_000;
/** Names that `disk --fail` knows. */
export const diskErrors = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS'] as const;

/** What a flag takes: nothing, one value, or one that may be left out. */
type FlagKind = 'none' | 'value' | 'optional';

/** Flags of each verb; completion offers them, and messages name them. */
export const faultFlags: Readonly<Record<FaultVerb, Readonly<Record<string, FlagKind>>>> = {
  kill: {},
  stop: {},
  restart: {},
  pause: {},
  resume: {},
  'move-leader': {},
  partition: {
    isolate: 'value',
    halves: 'optional',
    bridge: 'value',
    ring: 'none',
    link: 'value',
    'leader-outbound': 'none',
    'leader-inbound': 'none',
    majority: 'none',
    minority: 'none',
    mode: 'value',
    messages: 'value',
  },
  delay: { link: 'value', member: 'value', messages: 'value' },
  loss: { link: 'value', member: 'value', messages: 'value' },
  disk: { slow: 'value', fail: 'value' },
  heal: { all: 'none' },
  list: {},
};

interface Words {
  readonly operands: readonly string[];
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** `words` begin with the verb. */
export function parseFault(words: readonly string[]): Result<FaultCommand, string> {
  const [first, ...rest] = words;
  const verb = faultVerbs.find((one) => one === first);
  if (verb === undefined) {
    const said = first === undefined ? 'fault needs a verb' : `fault: there is no ${first}`;
    return err(`${said}; there are ${faultVerbs.join(', ')}`);
  }
  const parsed = splitWords(verb, rest);
  if (!parsed.ok) return parsed;
  const command = commandOf(verb, parsed.value);
  return command.ok ? command : err(`fault ${verb}: ${command.error}`);
}

function splitWords(verb: FaultVerb, words: readonly string[]): Result<Words, string> {
  const kinds = faultFlags[verb];
  const operands: string[] = [];
  const flags = new Map<string, string[]>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const [, name, text] = /^--?([a-z-]+)(?:=(.*))?$/.exec(word) ?? [];
    if (name === undefined) {
      operands.push(word);
      continue;
    }
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) return err(`fault ${verb}: there is no --${name}; ${possibleFlags(verb)}`);
    const next = words[at + 1];
    const takesNext = text === undefined && kind !== 'none' && next !== undefined && !next.startsWith('--');
    if (kind === 'value' && text === undefined && !takesNext) return err(`fault ${verb}: --${name} needs a value`);
    if (kind === 'none' && text !== undefined) return err(`fault ${verb}: --${name} takes no value`);
    if (takesNext) at++;
    flags.set(name, [...(flags.get(name) ?? []), text ?? (takesNext ? next : '')]);
  }
  return ok({ operands, flags });
}

function possibleFlags(verb: FaultVerb): string {
  const names = Object.keys(faultFlags[verb]);
  return names.length === 0 ? 'it takes no flags' : `there are ${names.map((name) => `--${name}`).join(', ')}`;
}

function commandOf(verb: FaultVerb, words: Words): Result<FaultCommand, string> {
  switch (verb) {
    case 'kill':
    case 'stop':
    case 'restart':
    case 'pause':
    case 'resume': {
      const target = only(words.operands, 'whom: the name of a process, or leader, follower or random');
      return target.ok ? ok({ type: verb, target: target.value }) : target;
    }
    case 'move-leader':
      return words.operands.length > 1
        ? err('it takes one name at most')
        : ok({ type: 'move-leader', to: words.operands[0] ?? null });
    case 'partition':
      return partitionCommand(words);
    case 'delay':
      return delayCommand(words);
    case 'loss':
      return lossCommand(words);
    case 'disk':
      return diskCommand(words);
    case 'heal':
      return healCommand(words);
    case 'list':
      return words.operands.length > 0 ? err('it takes no words') : ok({ type: 'list' });
    default:
      return unreachable(verb);
  }
}

function only(operands: readonly string[], wanted: string): Result<string, string> {
  const [first, second] = operands;
  if (first === undefined) return err(`say ${wanted}`);
  return second === undefined ? ok(first) : err(`one at a time: ${first}, then ${second}`);
}

function partitionCommand(words: Words): Result<FaultCommand, string> {
  if (words.operands.length > 0) {
    return err(`${words.operands.join(' ')}: say how with a flag, as in --isolate ${words.operands[0]}`);
  }
  const shapes = [...words.flags.keys()].filter((name) => name !== 'mode' && name !== 'messages');
  const [shape, another] = shapes;
  if (shape === undefined) return err(`say how; ${possibleFlags('partition')}`);
  if (another !== undefined) return err(`--${shape} and --${another} are two partitions: inject one after the other`);
  const partition = partitionOf(shape, words.flags.get(shape) ?? []);
  if (!partition.ok) return partition;
  const mode = modeOf(words);
  if (!mode.ok) return mode;
  const messages = messagesOf(words);
  if (!messages.ok) return messages;
  return ok({ type: 'partition', partition: partition.value, mode: mode.value, messages: messages.value });
}

function partitionOf(shape: string, values: readonly string[]): Result<Partition, string> {
  const [value = '', second] = values;
  if (second !== undefined && shape !== 'link') return err(`--${shape} is given twice`);
  switch (shape) {
    case 'isolate':
    case 'bridge':
      return ok({ type: shape, target: value });
    case 'halves': {
      const group = value.split(',').filter((name) => name !== '');
      return ok({ type: 'halves', group: group.length === 0 ? null : group });
    }
    case 'link': {
      const links = parseLinks(values);
      return links.ok ? ok({ type: 'links', links: links.value }) : links;
    }
    case 'ring':
    case 'leader-outbound':
    case 'leader-inbound':
    case 'majority':
    case 'minority':
      return ok({ type: shape });
    default:
      return err(`there is no --${shape}`);
  }
}

function modeOf({ flags }: Words): Result<CutMode, string> {
  const word = flags.get('mode')?.at(-1) ?? 'hold';
  const mode = cutModes.find((one) => one === word);
  return mode === undefined ? err(`--mode is hold, drop or reset, not ${word}`) : ok(mode);
}

function messagesOf({ flags }: Words): Result<readonly string[] | null, string> {
  const given = flags.get('messages');
  if (given === undefined) return ok(null);
  const messages = given.flatMap((text) => text.split(',')).filter((name) => name !== '');
  const wrong = messages.find((name) => !/^Msg[A-Za-z]+$/.test(name));
  return wrong === undefined && messages.length > 0
    ? ok(messages)
    : err(`--messages takes types of Raft messages such as MsgApp,MsgHeartbeat, not ${wrong ?? 'nothing'}`);
}

/** `A>B,C=D`. */
function parseLinks(values: readonly string[]): Result<readonly LinkWish[], string> {
  const links: LinkWish[] = [];
  for (const text of values.flatMap((value) => value.split(','))) {
    const [, from, sign, to] = /^([^<>=,]+)([<>=])([^<>=,]+)$/.exec(text) ?? [];
    if (from === undefined || to === undefined) {
      return err(
        `${text === '' ? '--link' : text} is no link: write 'etcd1>etcd2' for one direction, etcd1=etcd2 for both`,
      );
    }
    if (from === to) return err(`${text}: a member has no link to itself`);
    links.push(sign === '<' ? { from: to, to: from, bothWays: false } : { from, to, bothWays: sign === '=' });
  }
  return ok(links);
}

function linkChoice({ flags }: Words): Result<LinkChoice, string> {
  const links = flags.get('link');
  const members = flags.get('member');
  if (links !== undefined && members !== undefined) return err('--link and --member exclude each other');
  if (members !== undefined) {
    const target = only(members, 'which member');
    return target.ok ? ok({ type: 'member', target: target.value }) : target;
  }
  if (links === undefined) return ok({ type: 'all' });
  const parsed = parseLinks(links);
  return parsed.ok ? ok({ type: 'links', links: parsed.value }) : parsed;
}

function delayCommand(words: Words): Result<FaultCommand, string> {
  const time = only(words.operands, 'how much, as in 50ms or 50ms±20ms');
  if (!time.ok) return time;
  const [, base = '', jitter] = /^(.+?)(?:(?:±|\+-|\+\/-)(.+))?$/.exec(time.value) ?? [];
  const delayMs = milliseconds(base);
  const jitterMs = jitter === undefined ? 0 : milliseconds(jitter);
  if (delayMs === null || jitterMs === null || delayMs === 0) {
    return err(`${time.value} is no delay such as 50ms or 50ms±20ms, of ${formatMs(delayMaxMs)} at most`);
  }
  if (jitterMs > delayMs) return err(`${time.value}: it cannot vary by more than the delay`);
  const links = linkChoice(words);
  if (!links.ok) return links;
  const messages = messagesOf(words);
  return messages.ok
    ? ok({ type: 'delay', links: links.value, delayMs, jitterMs, messages: messages.value })
    : messages;
}

function lossCommand(words: Words): Result<FaultCommand, string> {
  const text = only(words.operands, 'how much, as in 5%');
  if (!text.ok) return text;
  const [, digits] = /^(\d{1,3}(?:\.\d{1,4})?)%?$/.exec(text.value) ?? [];
  const share = Number(digits) / 100;
  if (!(share > 0 && share <= 1)) return err(`${text.value} is no share of messages such as 5%`);
  const links = linkChoice(words);
  if (!links.ok) return links;
  const messages = messagesOf(words);
  return messages.ok ? ok({ type: 'loss', links: links.value, share, messages: messages.value }) : messages;
}

function diskCommand({ operands, flags }: Words): Result<FaultCommand, string> {
  const target = only(operands, 'whose disk, as in disk --slow 200ms leader');
  if (!target.ok) return target;
  const slow = flags.get('slow')?.at(-1);
  const error = flags.get('fail')?.at(-1) ?? null;
  if (slow === undefined && error === null) return err('say what is wrong with the disk: --slow 200ms, or --fail EIO');
  const slowMs = slow === undefined ? 0 : milliseconds(slow);
  if (slowMs === null || (slow !== undefined && slowMs === 0)) {
    return err(`--slow ${slow}: expected a time such as 200ms, of ${formatMs(delayMaxMs)} at most`);
  }
  if (error !== null && !diskErrors.some((one) => one === error)) {
    return err(`--fail ${error}: syncs can fail with ${diskErrors.join(', ')}`);
  }
  return ok({ type: 'disk', target: target.value, slowMs, error });
}

function healCommand({ operands, flags }: Words): Result<FaultCommand, string> {
  const all = flags.has('all') || (operands.length === 1 && operands[0] === 'all');
  if (all) {
    return flags.has('all') && operands.length > 0 ? err('--all takes no ids') : ok({ type: 'heal', ids: 'all' });
  }
  return operands.length === 0
    ? err('say which, as in heal f1, or heal --all')
    : ok({ type: 'heal', ids: [...new Set(operands)] });
}

function milliseconds(text: string): number | null {
  const duration = parseDuration(text);
  if (!duration.ok) return null;
  const ms = Number(duration.value / 1_000n) / 1_000;
  return ms >= 0 && ms <= delayMaxMs ? ms : null;
}

/** `50ms`, `1.5s`: as it would be typed. */
export function formatMs(ms: number): string {
  return formatDuration(BigInt(Math.round(ms * 1_000)) * 1_000n);
}
