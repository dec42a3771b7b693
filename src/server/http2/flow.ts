/** Flow-control arithmetic of HTTP/2 (RFC 9113 §5.2, §6.9), shared by streams and connections of both directions. Bytes throughout. */

/** A window never exceeds this, nor may a WINDOW_UPDATE take it there. */
export const windowMax = 2 ** 31 - 1;

/** The window of streams and of the connection before any SETTINGS or WINDOW_UPDATE. */
export const defaultWindow = 65_535;

/** How much of `wanted` one DATA frame may carry now. A stream's window may be negative after a SETTINGS change. */
export function sendable(
  wanted: number,
  connectionWindow: number,
  streamWindow: number,
  frameBytesMax: number,
): number {
  const allowed = Math.min(wanted, connectionWindow, streamWindow, frameBytesMax);
  return allowed > 0 ? allowed : 0;
}

/**
 * The receiving half of a window. `available` is what the peer may still send; `unannounced` what has been consumed but
 * not been given back yet. Invariant: available + unannounced + (received but unconsumed) = limit.
 */
export class ReceiveWindow {
  readonly limit: number;
  available: number;
  unannounced = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.available = limit;
  }

  /** Accounts for a DATA frame's whole payload. False: the peer has overrun the window. */
  receive(bytes: number): boolean {
    if (bytes > this.available) return false;
    this.available -= bytes;
    return true;
  }

  /** Accounts for bytes that are out of the way. Returns the increment to announce now, or 0: it is worth a frame from half a window on. */
  consume(bytes: number): number {
    this.unannounced += bytes;
    if (this.unannounced * 2 < this.limit) return 0;
    const increment = this.unannounced;
    this.unannounced = 0;
    this.available += increment;
    return increment;
  }
}
