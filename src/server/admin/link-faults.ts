/**
 * Link rules at work: decides about each Raft message as the rules say, and counts per link. Bound to nothing but a source of
 * randomness, so that tests can drive it.
 */
import { type AdminLink, type AdminLinkRule, type CutMode, cutModes } from '../../base/admin-protocol.ts';
import type { Random } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type Message, type MessageType, messageType, newMessage } from '../../proto/raftpb.ts';
import { parseId } from '../cluster/ids.ts';
import type { FaultVerdict, PeerFaults } from '../peer/faults.ts';
import type { Direction as TransportDirection } from '../peer/held-messages.ts';
import { messageTypeName } from '../peer/peer.ts';

/** More rules are refused: every message is held against those of its link. */
export const linkRulesMax = 1_024;
/** A longer delay is refused; Raft takes a link that slow for a cut one. */
const linkDelayMaxMs = 60_000;

/** The context of a probe: a message that shows what rules do, and that the transport of its receiver takes out. */
const probeContext = Buffer.from('clusterctl probe');

/** As the transport words what this member's status calls in and out. */
const directions: Readonly<Record<TransportDirection, Direction>> = { outgoing: 'out', incoming: 'in' };

type Counters = { -readonly [K in 'outPassed' | 'outHit' | 'inPassed' | 'inHit' | 'inProbes']: AdminLink[K] };
type Direction = AdminLinkRule['direction'];

interface Rule {
  readonly cut: CutMode | null;
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Of `lossScale`. */
  readonly loss: number;
  /** Null: all. */
  readonly types: ReadonlySet<MessageType> | null;
}

const lossScale = 1_000_000;
const jitterScale = 1_000;

const typesByName = new Map(Object.values(messageType).map((type) => [messageTypeName(type), type]));

export class LinkFaults implements PeerFaults {
  private readonly random: Random;
  private rules: Readonly<Record<Direction, ReadonlyMap<bigint, readonly Rule[]>>> = { in: new Map(), out: new Map() };
  private readonly links = new Map<bigint, Counters>();
  private readonly listeners: (() => void)[] = [];

  constructor(random: Random) {
    this.random = random;
  }

  /** Makes these the rules, all at once. The error says which of them is none; then nothing has changed. */
  setRules(rules: readonly AdminLinkRule[]): Result<void, string> {
    if (rules.length > linkRulesMax) return err(`${rules.length} rules are more than ${linkRulesMax}`);
    const parsed = { in: new Map<bigint, Rule[]>(), out: new Map<bigint, Rule[]>() };
    for (const rule of rules) {
      const one = parseRule(rule);
      if (!one.ok) return one;
      const peer = parseId(rule.peer);
      if (peer === null) return err(`${rule.peer} is no id of a member`);
      const side = parsed[rule.direction];
      side.set(peer, [...(side.get(peer) ?? []), one.value]);
    }
    this.rules = parsed;
    for (const listener of this.listeners) listener();
    return ok(undefined);
  }

  watch(listener: () => void): void {
    this.listeners.push(listener);
  }

  outgoing(message: Message): FaultVerdict {
    const verdict = this.decide('out', message.to, message);
    const counters = this.counters(message.to);
    if (verdict === 'pass') counters.outPassed++;
    else counters.outHit++;
    return verdict;
  }

  incoming(message: Message): FaultVerdict {
    const verdict = this.decide('in', message.from, message);
    const counters = this.counters(message.from);
    if (verdict === 'pass') counters.inPassed++;
    else counters.inHit++;
    return verdict;
  }

  isSilent(peer: bigint): boolean {
    return this.isCut('in', peer);
  }

  isSevered(peer: bigint): boolean {
    return this.isCut('in', peer) && this.isCut('out', peer);
  }

  take(message: Message): boolean {
    if (!isProbe(message)) return false;
    this.counters(message.from).inProbes++;
    return true;
  }

  /** Of the links with a peer, since the start. */
  counters(peer: bigint): Counters {
    let counters = this.links.get(peer);
    if (counters === undefined) {
      counters = { outPassed: 0, outHit: 0, inPassed: 0, inHit: 0, inProbes: 0 };
      this.links.set(peer, counters);
    }
    return counters;
  }

  private isCut(direction: Direction, peer: bigint): boolean {
    return this.rules[direction].get(peer)?.some((rule) => rule.cut !== null && rule.types === null) ?? false;
  }

  cutOf(direction: TransportDirection, message: Message): CutMode | null {
    const peer = direction === 'outgoing' ? message.to : message.from;
    const rules = this.rules[directions[direction]].get(peer);
    // The ordinary case, asked thousands of times by whoever lets go of what was held.
    if (rules === undefined) return null;
    return worstCut(rules.filter((rule) => isAbout(rule, message)));
  }

  private decide(direction: Direction, peer: bigint, message: Message): FaultVerdict {
    const all = this.rules[direction].get(peer);
    if (all === undefined) return 'pass';
    const rules = all.filter((rule) => isAbout(rule, message));
    const cut = worstCut(rules);
    if (cut !== null) return cut;
    let delayMs = 0;
    for (const rule of rules) {
      if (rule.loss > 0 && this.random.below(lossScale) < rule.loss) return 'drop';
      delayMs += rule.delayMs + this.jitter(rule.jitterMs);
    }
    return delayMs > 0 ? delayMs : 'pass';
  }

  /** From -jitterMs to +jitterMs. */
  private jitter(jitterMs: number): number {
    return jitterMs === 0 ? 0 : (this.random.below(2 * jitterScale + 1) / jitterScale - 1) * jitterMs;
  }
}

/** A probe stands for whatever the rule is about. */
function isAbout({ types }: Rule, message: Message): boolean {
  return types === null || types.has(message.type) || isProbe(message);
}

function worstCut(rules: readonly Rule[]): CutMode | null {
  return cutModes.findLast((mode) => rules.some(({ cut }) => cut === mode)) ?? null;
}

function parseRule(rule: AdminLinkRule): Result<Rule, string> {
  const { cut, delayMs, jitterMs, loss, messages } = rule;
  if (!(delayMs >= 0 && delayMs <= linkDelayMaxMs)) return err(`a message is late by 0 to ${linkDelayMaxMs} ms`);
  if (!(jitterMs >= 0 && jitterMs <= delayMs)) return err('jitter is not more than the delay');
  if (!(loss >= 0 && loss <= 1)) return err('loss is a share from 0 to 1');
  if (messages === null) return ok({ cut, delayMs, jitterMs, loss: Math.round(loss * lossScale), types: null });
  const types = new Set<MessageType>();
  for (const name of messages) {
    const type = typesByName.get(name);
    if (type === undefined) return err(`${name} is no type of Raft message such as MsgApp`);
    types.add(type);
  }
  return ok({ cut, delayMs, jitterMs, loss: Math.round(loss * lossScale), types });
}

/**
 * A heartbeat response of no term and unknown context: should a member that knows no probes get it, it means nothing to it. Raft looks at
 * the terms of messages only where they have one.
 */
export function probeMessage(from: bigint, to: bigint): Message {
  return newMessage(messageType.heartbeatResp, from, to, { context: probeContext });
}

function isProbe({ type, context }: Message): boolean {
  return type === messageType.heartbeatResp && context !== null && probeContext.equals(context);
}

/** The ids of the peers, as rules name them. */
export function parsePeers(texts: readonly string[]): Result<readonly bigint[], string> {
  const ids: bigint[] = [];
  for (const text of texts) {
    const id = parseId(text);
    if (id === null) return err(`${text} is no id of a member`);
    ids.push(id);
  }
  return ok(ids);
}
