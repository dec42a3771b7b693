/** Faults that a chaos run puts on the messages between members, in the member itself. */
import type { Message } from '../../proto/raftpb.ts';

/** What becomes of a message: it passes, it is lost, or it is late by so many milliseconds (and may be overtaken). */
export type FaultVerdict = 'pass' | 'drop' | number;

/** Decides about each message of one direction; called in the order of sending or arrival. */
export type MessageFilter = (message: Message) => FaultVerdict;
