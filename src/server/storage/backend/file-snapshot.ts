/** A snapshot that is read from the file, whose pages the engine keeps meanwhile. */
import { invariant } from '../../../base/assert.ts';
import { CorruptDatabaseError } from '../bolt/errors.ts';
import type { PageSet } from '../bolt/free-pages.ts';
import type { PageSums } from '../bolt/page-sums.ts';
import { assertPages, assertRead } from '../bolt/pager.ts';
import { snapshotChunks } from '../bolt/snapshot.ts';
import type { BackendSnapshot } from './backend.ts';
import type { FileState } from './messages.ts';
import type { SharedFile } from './shared-file.ts';

const chunkBytes = 256 * 1024;

/** What a snapshot is checked against: the pages that count in it, and what they have to be. */
export interface SnapshotSums {
  readonly used: PageSet;
  readonly sums: PageSums | null;
  /** Told of damage before the read rejects. */
  onCorrupt(error: CorruptDatabaseError): void;
}

/** Takes over one use of the file. `unpin` gives the pages back. */
export function fileSnapshot(
  path: string,
  shared: SharedFile,
  state: FileState,
  { used, sums, onCorrupt }: SnapshotSums,
  unpin: () => void,
): BackendSnapshot {
  const { meta, size } = state;
  const { pageSize, highWater } = meta;
  let released = false;
  const reader = {
    pageSize,
    readFully: async (bytes: Uint8Array, page: number) => {
      invariant(!released, 'a snapshot is read before it is released');
      const source = { path, pageSize, highWater, sums };
      try {
        assertRead(source, page, await shared.file.read(bytes, page * pageSize), bytes.length);
        assertPages(source, bytes, page, used);
      } catch (error) {
        if (error instanceof CorruptDatabaseError) onCorrupt(error);
        throw error;
      }
    },
  };
  return {
    bytes: size,
    chunks: () => snapshotChunks(reader, meta, chunkBytes),
    release: () => {
      if (released) return;
      released = true;
      unpin();
      void shared.release();
    },
  };
}
