/** A copy of the database as one commit left it, as bbolt's Tx.WriteTo makes it. */
import type { PageSet } from './free-pages.ts';
import { encodeMetaPage, type Meta } from './meta.ts';
import { firstDataPage } from './page.ts';
import { assertPages, type Pager } from './pager.ts';

/** Takes the bytes of a copy, in order; the next ones come when it has resolved. */
export type Sink = (chunk: Uint8Array) => void | Promise<void>;

const chunkBytes = 1024 * 1024;

/** Where the pages of a copy come from. */
export interface PageReader {
  readonly pageSize: number;
  /** Fills `bytes` from the beginning of a page on. */
  readFully(bytes: Uint8Array, page: number): Promise<void>;
}

/**
 * The chunks of a copy, in order, each of `bytesMax` or a page. A reader must hold the pages of `meta`. Pages that are free to it are
 * copied as they happen to be. Both metas say the same, the second with a transaction less, so that it does not matter which one is
 * taken.
 */
export async function* snapshotChunks(reader: PageReader, meta: Meta, bytesMax: number): AsyncGenerator<Uint8Array> {
  const { pageSize } = reader;
  yield Buffer.concat([encodeMetaPage(meta, 0), encodeMetaPage({ ...meta, txid: Math.max(0, meta.txid - 1) }, 1)]);
  const pagesPerChunk = Math.max(1, Math.floor(bytesMax / pageSize));
  for (let page = firstDataPage; page < meta.highWater; page += pagesPerChunk) {
    const pages = Math.min(pagesPerChunk, meta.highWater - page);
    const chunk = Buffer.allocUnsafeSlow(pages * pageSize);
    await reader.readFully(chunk, page);
    yield chunk;
  }
}

/** Gives a copy to a sink; `used` are the pages that count in it. Resolves to its bytes. */
export async function writeSnapshot(pager: Pager, meta: Meta, used: PageSet, sink: Sink): Promise<number> {
  const reader = {
    pageSize: pager.pageSize,
    readFully: async (bytes: Uint8Array, page: number) => {
      await pager.readFully(bytes, page);
      assertPages(pager, bytes, page, used);
    },
  };
  for await (const chunk of snapshotChunks(reader, meta, chunkBytes)) await sink(chunk);
  return meta.highWater * meta.pageSize;
}
