/**
 * Faults that somebody puts on the links between members, in the member itself: they decide about whole Raft messages, never about
 * bytes of a stream, and so work the same whatever carries the messages.
 */
import type { Message } from '../../proto/raftpb.ts';

/**
 * What becomes of a message: it passes, it is lost without a trace, it is lost and its sender knows (as when a connection breaks), or
 * it is late by so many milliseconds, in order with the other late ones of its link.
 */
export type FaultVerdict = 'pass' | 'drop' | 'reset' | number;

export interface PeerFaults {
  /** Called once for each message, in the order of sending. */
  outgoing(message: Message): FaultVerdict;
  /** Called once for each message, in the order of arrival. */
  incoming(message: Message): FaultVerdict;
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
  isSilent: () => false,
  isSevered: () => false,
  take: () => false,
};
