/**
 * Faults that somebody puts on the links between members, in the member itself: they decide about whole Raft messages, never about
 * bytes of a stream, and so work the same whatever carries the messages.
 */
import type { CutMode } from '../../base/admin-protocol.ts';
import type { Message } from '../../proto/raftpb.ts';
import type { Direction } from './held-messages.ts';

/**
 * What becomes of a message: it passes, a cut holds it back, loses it without a trace, or loses it so that its sender knows, or it is
 * late by so many milliseconds, in order with the other late ones of its link.
 */
export type FaultVerdict = 'pass' | CutMode | number;

export interface PeerFaults {
  /** Called once for each message, in the order of sending. */
  outgoing(message: Message): FaultVerdict;
  /** Called once for each message, in the order of arrival. */
  incoming(message: Message): FaultVerdict;
  /** What a cut does to a message now, whatever delays and losses there are; null if none does. Not counted. */
  cutOf(direction: Direction, message: Message): CutMode | null;
  /** The listener is called, at once, when there are other faults: what was held may go on. */
  watch(listener: () => void): void;
  /** Nothing comes from the peer: not even the news that its process is gone may be told. */
  isSilent(peer: bigint): boolean;
  /** Nothing passes either way: the peer does not count as connected, whatever its streams look like. */
  isSevered(peer: bigint): boolean;
  /** True if the message was for the faults, which have taken it; Raft must not see it. */
  take(message: Message): boolean;
}

export const noFaults: PeerFaults = {
  outgoing: () => 'pass',
  incoming: () => 'pass',
  cutOf: () => null,
  watch: () => {},
  isSilent: () => false,
  isSevered: () => false,
  take: () => false,
};
