/**
 * The world as the shells see it. The runtime implements these over Node; the simulator implements them over a seed, so that
 * the same member runs under simulated crashes, lost writes and clock jumps.
 */

/** A running timer. `cancel` is idempotent; a cancelled timer never fires. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. Only for timestamps that people or protocols see. */
  now(): number;
  /** Milliseconds on a clock that never goes back; its origin is arbitrary. For durations. */
  monotonicMs(): number;
  after(delayMs: number, callback: () => void): Timer;
  every(intervalMs: number, callback: () => void): Timer;
}

/** Where randomness comes from; seeded in tests and in the simulator. */
export interface Random {
  /** A uniform integer in [0, bound), bound an integer in [1, 2^31]. */
  below(bound: number): number;
}

/**
 * A file opened for reading and writing. All positions and lengths are bytes. Operations reject with the OS error.
 * Writes are durable only after `datasync` or `sync` resolved; a failed sync leaves their fate unknown, for good.
 */
export interface DiskFile {
  /** Reads up to buffer.length bytes at position; resolves to the bytes read, less only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** As `read`, but returns when it is done, for readers that cannot wait. Throws the OS error. */
  readNow(buffer: Uint8Array, position: number): number;
  /** Writes all bytes of all buffers, in order, from position on. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /**
   * Writes all bytes before it returns, if there are few enough for that to be cheaper than handing them to another thread; false if
   * not, and nothing was written. Throws the OS error. What it wrote is as durable as after `writev`: not at all.
   */
  writeNow(bytes: Uint8Array, position: number): boolean;
  /** fdatasync(2): the data, and the size if it grew. */
  datasync(): Promise<void>;
  /** fsync(2). */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  size(): Promise<number>;
  /**
   * Tells the file from all others, also from those that were there before: the same after a rename and a restart, another for a copy.
   * Where the file system cannot say, it may be another each time.
   */
  identity(): Promise<string>;
  close(): Promise<void>;
}

/** How `open` treats an existing or missing file. */
export type OpenMode =
  /** Must exist; read only. */
  | 'read'
  /** Must exist; read and write. */
  | 'readWrite'
  /** Must not exist; created with mode 0600; read and write. */
  | 'create';

/** The part of a file system that storage needs. Paths are absolute. */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Names (not paths) in a directory, sorted; rejects with ENOENT if it is missing. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Creates a directory and its missing parents with mode 0700; no error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Atomic within a file system; durable only after `syncDirectory` of the parent. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or an empty directory; rejects with ENOENT if it is missing. */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
}
