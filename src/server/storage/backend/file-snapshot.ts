/** A snapshot that is read from the file, whose pages the engine keeps meanwhile. */
import { invariant } from '../../../base/assert.ts';
import { assertRead } from '../bolt/pager.ts';
import { snapshotChunks } from '../bolt/snapshot.ts';
import type { BackendSnapshot } from './backend.ts';
import type { FileState } from './messages.ts';
import type { SharedFile } from './shared-file.ts';

const chunkBytes = 256 * 1024;

/** Takes over one use of the file. `unpin` gives the pages back. */
export function fileSnapshot(path: string, shared: SharedFile, state: FileState, unpin: () => void): BackendSnapshot {
  const { meta, size } = state;
  const { pageSize, highWater } = meta;
  let released = false;
  const reader = {
    pageSize,
    readFully: async (bytes: Uint8Array, page: number) => {
      invariant(!released, 'a snapshot is read before it is released');
      const read = await shared.file.read(bytes, page * pageSize);
      assertRead({ path, pageSize, highWater }, page, read, bytes.length);
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
