/**
 * Messages that a fault holds back, as a pulled cable does: they wait in the order of each direction of each link, and go on late when
 * the link is whole again. As many wait as a stream takes whose peer does not read; the rest is lost to a full buffer.
 */
import type { HeldCounters } from '../../base/admin-protocol.ts';
import { type Message, sizeMessage } from '../../proto/raftpb.ts';
import { heldBytesMax, heldMessagesMax } from './limits.ts';

export type Direction = 'outgoing' | 'incoming';

export interface HeldMessage {
  readonly direction: Direction;
  readonly message: Message;
  /** The link is whole again. */
  proceed(): void;
  /** The cut loses what it held until now; `isTold`: as a connection that breaks does. */
  lose(isTold: boolean): void;
}

/** What to do now with a message that is held. */
export type HeldFate = 'hold' | 'proceed' | 'lose' | 'tell';

interface Line {
  waiting: HeldMessage[];
  bytes: number;
  late: number;
  overflowed: number;
}

export class HeldMessages {
  private readonly lines: Readonly<Record<Direction, Map<bigint, Line>>> = { outgoing: new Map(), incoming: new Map() };

  /** False, and nothing is held, if too much waits already. */
  hold(held: HeldMessage): boolean {
    const line = this.line(held.direction, peerOf(held));
    const bytes = sizeMessage(held.message);
    if (line.waiting.length >= heldMessagesMax || line.bytes + bytes > heldBytesMax) {
      line.overflowed++;
      return false;
    }
    line.waiting.push(held);
    line.bytes += bytes;
    return true;
  }

  /** It waits no more, for whatever reason. */
  remove(held: HeldMessage): void {
    const line = this.line(held.direction, peerOf(held));
    const at = line.waiting.indexOf(held);
    if (at < 0) return;
    line.waiting.splice(at, 1);
    line.bytes -= sizeMessage(held.message);
  }

  /** Lets go of what need not wait any more, in order and all at once, so that nothing newer overtakes it. */
  review(fateOf: (held: HeldMessage) => HeldFate): void {
    for (const lines of [this.lines.incoming, this.lines.outgoing]) {
      for (const line of lines.values()) if (line.waiting.length > 0) reviewLine(line, fateOf);
    }
  }

  /** Nothing is known of the peer any more. */
  forget(peer: bigint): void {
    for (const direction of ['outgoing', 'incoming'] as const) {
      const line = this.lines[direction].get(peer);
      this.lines[direction].delete(peer);
      for (const held of line?.waiting ?? []) held.lose(false);
    }
  }

  counters(peer: bigint): HeldCounters {
    const [out, incoming] = [this.lines.outgoing.get(peer), this.lines.incoming.get(peer)];
    return {
      outHeld: out?.waiting.length ?? 0,
      inHeld: incoming?.waiting.length ?? 0,
      outLate: out?.late ?? 0,
      inLate: incoming?.late ?? 0,
      outOverflowed: out?.overflowed ?? 0,
      inOverflowed: incoming?.overflowed ?? 0,
    };
  }

  /** Nothing proceeds any more. */
  close(): void {
    this.review(() => 'lose');
  }

  private line(direction: Direction, peer: bigint): Line {
    let line = this.lines[direction].get(peer);
    if (line === undefined) {
      line = { waiting: [], bytes: 0, late: 0, overflowed: 0 };
      this.lines[direction].set(peer, line);
    }
    return line;
  }
}

function peerOf({ direction, message }: HeldMessage): bigint {
  return direction === 'outgoing' ? message.to : message.from;
}

function reviewLine(line: Line, fateOf: (held: HeldMessage) => HeldFate): void {
  const fates = line.waiting.map(fateOf);
  const all = line.waiting;
  line.waiting = all.filter((_, at) => fates[at] === 'hold');
  line.bytes = line.waiting.reduce((sum, { message }) => sum + sizeMessage(message), 0);
  for (const [at, held] of all.entries()) {
    const fate = fates[at];
    if (fate === 'proceed') {
      line.late++;
      held.proceed();
    } else if (fate !== 'hold') held.lose(fate === 'tell');
  }
}
