/**
 * What rules about Raft messages mean for the bytes of a connection between two members. Pure.
 *
 * Raft messages do not flow the way connections are dialled (etcd server/etcdserver/api/rafthttp): on a stream, a GET whose response
 * never ends, the server sends them to the dialer; a POST to /raft or /raft/snapshot brings them from the dialer to the server.
 * The other lane of each only shakes hands or acknowledges. Under TLS nothing can be told apart: both lanes count.
 */
import { unreachable } from '../../base/assert.ts';
import type { LinkRule } from '../faults/link-backend.ts';

/** What a connection is used for right now. `other`: probes and questions about versions and members. */
export type ConnectionKind = 'unknown' | 'stream' | 'post' | 'other' | 'opaque';

/** `up`: from the dialer to the server; `down`: back. */
export type Direction = 'up' | 'down';

/** The rules of the two directions of the link that a connection is on. */
export interface ConnectionRules {
  /** Of messages from the dialer to the server. */
  readonly up: LinkRule;
  readonly down: LinkRule;
}

export interface LaneOrder {
  /** Bytes wait until the order changes. */
  readonly hold: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
}

export type ConnectionOrder =
  | { readonly type: 'reset' }
  | { readonly type: 'carry'; readonly up: LaneOrder; readonly down: LaneOrder };

/** True if Raft messages travel this way on such a connection. */
export function carriesMessages(kind: ConnectionKind, direction: Direction): boolean {
  switch (kind) {
    case 'stream':
      return direction === 'down';
    case 'post':
      return direction === 'up';
    case 'opaque':
      return true;
    case 'unknown':
    case 'other':
      return false;
    default:
      return unreachable(kind);
  }
}

/** What to do with a connection of that kind. Delays are those of a cable: they are for all bytes that go that way. */
export function orderFor(kind: ConnectionKind, rules: ConnectionRules): ConnectionOrder {
  if (isReset(kind, 'up', rules) || isReset(kind, 'down', rules)) return { type: 'reset' };
  return { type: 'carry', up: laneOrder(kind, 'up', rules), down: laneOrder(kind, 'down', rules) };
}

/** What to do with a new connection: nothing of what it is for is known yet. */
export function connectOrder(rules: ConnectionRules): 'connect' | 'wait' | 'refuse' {
  if (!isSevered(rules)) return 'connect';
  return rules.up.mode === 'reset' || rules.down.mode === 'reset' ? 'refuse' : 'wait';
}

/** Nothing at all moves between the two. */
function isSevered({ up, down }: ConnectionRules): boolean {
  return up.cut && down.cut;
}

function isCut(kind: ConnectionKind, direction: Direction, rules: ConnectionRules): boolean {
  return rules[direction].cut && (isSevered(rules) || carriesMessages(kind, direction));
}

function isReset(kind: ConnectionKind, direction: Direction, rules: ConnectionRules): boolean {
  return isCut(kind, direction, rules) && rules[direction].mode === 'reset';
}

function laneOrder(kind: ConnectionKind, direction: Direction, rules: ConnectionRules): LaneOrder {
  const { delayMs, jitterMs } = rules[direction];
  return { hold: isCut(kind, direction, rules), delayMs, jitterMs };
}

/** The rule of a link that nobody touches. */
export function wholeLink(from: string, to: string): LinkRule {
  return { from, to, cut: false, mode: 'hold', delayMs: 0, jitterMs: 0, loss: 0 };
}
