/** The WAL's settings. Tests and the simulator shrink the limits; the member sets the hooks. */
import { chunkBytesDefault } from './scan.ts';
import type { ZeroAheadLimits } from './zero-ahead.ts';

export interface WalOptions {
  /** A segment is full when a save ends at or beyond this many bytes. Default 64,000,000 as in etcd. */
  readonly segmentBytes?: number;
  /** Zeros are written up to this many bytes ahead of the log; 0 turns that off. Default 4 MiB. */
  readonly zeroWindowBytes?: number;
  /** Zeros per write. Default 256 KiB. */
  readonly zeroChunkBytes?: number;
  /** Bytes read at a time when the log is opened. Default 1 MiB. */
  readonly readChunkBytes?: number;
  /** Encoded bytes that may wait for the disk. A save beyond that fails the WAL for good: the log would have a gap. Default 1 GiB. */
  readonly pendingBytesMax?: number;
  /** Milliseconds on a clock that never goes back, for the hooks. Default performance.now. */
  readonly monotonicMs?: () => number;
  /** After each fdatasync that saves waited for. */
  readonly onSync?: (durationMs: number) => void;
  /** After each write of records. */
  readonly onWrite?: (bytes: number, durationMs: number) => void;
}

export interface WalSettings {
  readonly segmentBytes: number;
  readonly readChunkBytes: number;
  readonly pendingBytesMax: number;
  readonly zeroAhead: ZeroAheadLimits;
  readonly monotonicMs: () => number;
  readonly onSync: (durationMs: number) => void;
  readonly onWrite: (bytes: number, durationMs: number) => void;
}

/** etcd's SegmentSizeBytes: 64 million, not 64 MiB. */
const segmentBytesDefault = 64_000_000;
const zeroWindowBytesDefault = 4 * 1024 * 1024;
const zeroChunkBytesDefault = 256 * 1024;
const pendingBytesMaxDefault = 1024 * 1024 * 1024;

export function walSettings(options: WalOptions): WalSettings {
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault;
  return {
    segmentBytes,
    readChunkBytes: options.readChunkBytes ?? chunkBytesDefault,
    pendingBytesMax: options.pendingBytesMax ?? pendingBytesMaxDefault,
    zeroAhead: {
      segmentBytes,
      windowBytes: options.zeroWindowBytes ?? zeroWindowBytesDefault,
      chunkBytes: options.zeroChunkBytes ?? zeroChunkBytesDefault,
    },
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
    onSync: options.onSync ?? (() => undefined),
    onWrite: options.onWrite ?? (() => undefined),
  };
}
