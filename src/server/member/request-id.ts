/**
 * Request ids as etcd makes them: the low 16 bits of the member's id, then 40 bits of the start time in milliseconds, then 8 bits
 * of counter, all counted up by one. Ids of one member do not repeat across restarts as long as its clock does not go back and
 * it makes fewer than 256 ids per millisecond on average.
 *
 * Hot path: one id per proposal. The low 48 bits are counted as an exact number, which is also a cheap Map key.
 */
import { invariant } from '../../base/assert.ts';

const counterLimit = 2 ** 48;
const lowMask = 0xffffffffffffn;

/** The part of an id that tells apart the requests of one member: its low 48 bits. */
export type RequestKey = number;

export class RequestIds {
  private readonly prefix: bigint;
  private readonly prefixBits: bigint;
  private low: number;

  /** `nowMs` is the wall clock at start, in milliseconds since 1970. */
  constructor(memberId: bigint, nowMs: number) {
    invariant(Number.isSafeInteger(nowMs) && nowMs >= 0, `start time ${nowMs} is in milliseconds since 1970`);
    this.prefixBits = memberId & 0xffffn;
    this.prefix = this.prefixBits << 48n;
    this.low = (nowMs % 2 ** 40) * 256;
  }

  /** The next id's key; `idOf` gives the id itself. */
  nextKey(): RequestKey {
    this.low = (this.low + 1) % counterLimit;
    return this.low;
  }

  /** The 64-bit id that goes into the log. */
  idOf(key: RequestKey): bigint {
    return this.prefix | BigInt(key);
  }

  /**
   * The key of an id read from the log, or null if another member made the id. Two members may share the low 16 bits of their
   * ids; etcd accepts that the ids then differ only by time, and so do we.
   */
  keyOf(id: bigint): RequestKey | null {
    return id >> 48n === this.prefixBits ? Number(id & lowMask) : null;
  }
}
