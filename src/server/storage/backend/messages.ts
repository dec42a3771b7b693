/**
 * What the member's thread and the engine say to each other. Requests are carried out in order, but `pin`, `unpin`, `hash`, `seen`
 * and `switched` do not wait for commits. All of it can be cloned from thread to thread.
 */
import type { Meta } from '../bolt/meta.ts';
import type { Span } from '../bolt/node.ts';
import type { SumsEnd } from '../bolt/sums-log.ts';

export interface EngineOptions {
  readonly path: string;
  /** bbolt's InitialMmapSize, see BoltOptions. */
  readonly initialMapBytes: number;
  /** Null: pages are taken as they are. */
  readonly sums: EngineSums | null;
}

/** The checksums of pages that the member knows, in memory that both threads share. */
export interface EngineSums {
  /** Of their log. */
  readonly path: string;
  readonly buffers: readonly SharedArrayBuffer[];
  /** Where the log goes on; null if it is to be begun anew. */
  readonly end: SumsEnd | null;
}

/** What the file holds after a commit. */
export interface FileState {
  readonly meta: Meta;
  /** Bytes up to the last page in use, and of the pages in use. */
  readonly size: number;
  readonly inUse: number;
}

/** Puts and deletes up to a mark. */
export interface Batch {
  readonly number: number;
  /** See ops.ts. */
  readonly parts: readonly Uint8Array[];
  /** Of the mark; index 0 leaves consistent_index and term as they are. */
  readonly index: number;
  readonly term: number;
}

export type EngineRequest =
  /** The first request, for a file that is there and whose last commit the member already reads. Answered by `opened` or `failed`. */
  | { readonly type: 'open'; readonly options: EngineOptions }
  /** Answered by `committed`, perhaps together with later ones, or by `failed`. */
  | { readonly type: 'commit'; readonly batch: Batch }
  /** The member reads the state of this commit from now on, and nothing older. */
  | { readonly type: 'seen'; readonly txid: number }
  /** Keeps the pages of the last commit until `unpin`. Answered by `pinned`. */
  | { readonly type: 'pin'; readonly id: number }
  | { readonly type: 'unpin'; readonly id: number }
  /** Answered by `hashed` or `refused`. */
  | { readonly type: 'hash'; readonly id: number }
  /** Answered by `defragmented`, after which nothing is committed until `switched`, or by `refused`. */
  | { readonly type: 'defragment'; readonly id: number }
  /** The member reads the new file from now on. */
  | { readonly type: 'switched' }
  /** Another file is about to get the name of this one: the log of checksums goes. Answered by `left` or `refused`. */
  | { readonly type: 'leave'; readonly id: number }
  /** The last request; answered by `closed` once everything before it is done. */
  | { readonly type: 'close' };

export type EngineReply =
  | {
      readonly type: 'opened';
      readonly state: FileState;
      readonly written: readonly Span[];
      readonly sums: readonly SharedArrayBuffer[];
    }
  /** A request with an id cannot be carried out; nothing has changed. */
  | { readonly type: 'refused'; readonly id: number; readonly error: Error }
  /**
   * All batches up to `number` are in the file and synced. `written` are the pages that may differ now; `sums` are for those that were
   * added to the file.
   */
  | {
      readonly type: 'committed';
      readonly number: number;
      readonly index: number;
      readonly state: FileState;
      readonly written: readonly Span[];
      readonly sums: readonly SharedArrayBuffer[];
      /** What the transaction took, its syncs included. */
      readonly tookMs: number;
    }
  /** Nothing will be committed any more. `isCorrupt`: for the file is damaged, as the error's text says. */
  | { readonly type: 'failed'; readonly error: Error; readonly isCorrupt: boolean }
  /** `used` are the bits of the pages that count in that state (PageSet). */
  | { readonly type: 'pinned'; readonly id: number; readonly state: FileState; readonly used: Uint32Array }
  | { readonly type: 'hashed'; readonly id: number; readonly hash: number }
  /** There is another file under the name. */
  | {
      readonly type: 'defragmented';
      readonly id: number;
      readonly state: FileState;
      readonly sums: readonly SharedArrayBuffer[] | null;
    }
  /** The log of checksums cannot be written any more. */
  | { readonly type: 'sumsLost'; readonly reason: string }
  /** Nothing is written to what lies beside the file any more. */
  | { readonly type: 'left'; readonly id: number }
  | { readonly type: 'closed' };

/** The way to an engine, in this thread or another. */
export interface EngineLink {
  send(request: EngineRequest): void;
  /** Called in the order of the replies, each in a turn of its own. */
  onReply: (reply: EngineReply) => void;
  /** Ends the engine's thread, if it has one. After `closed`, or when there is no engine to be had. */
  end(): Promise<void>;
}
