/**
 * Turns changed nodes into pages, in memory: allocates them, divides nodes, tells parents where their children are. Hot: it sees
 * every item of every changed page.
 */
import type { FreePages } from './free-pages.ts';
import { Node, type Span } from './node.ts';
import { splitPoints } from './split.ts';

/** A page to be written, or several in a row. */
export interface WrittenPage {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export interface WriteTarget {
  readonly pageSize: number;
  readonly txid: number;
  readonly hasReaders: boolean;
  readonly free: FreePages;
  /** Called for each page that is allocated. */
  onAllocate(page: number): void;
}

/** Pages are cut from chunks of so many, because thousands of small buffers cost more than their bytes. */
const chunkPages = 64;
/** Leaves kept of one commit: enough for the last leaf of every bucket, which the next commit will change. */
const warmLeavesMax = 64;

export class PageWriter {
  /** All pages so far, in the order in which they were allocated. */
  readonly written: WrittenPage[] = [];
  /** Those that will be asked for soon: branches, and where a leaf was appended to. */
  readonly warm: WrittenPage[] = [];
  /** Pages that the written ones replace. */
  readonly replaced: Span[] = [];
  highWater: number;
  private warmLeaves = 0;
  private readonly target: WriteTarget;
  private chunk: Buffer = Buffer.alloc(0);

  constructor(target: WriteTarget, highWater: number) {
    this.target = target;
    this.highWater = highWater;
  }

  /** Returns the page of the tree's root. */
  writeTree(root: Node, fillPercent: number): number {
    let node = root;
    for (;;) {
      const pieces: { key: Uint8Array; child: number }[] = [];
      this.writeNode(node, fillPercent, (key, child) => pieces.push({ key, child }));
      const [first] = pieces;
      if (first !== undefined && pieces.length === 1) return first.child;
      node = Node.branchOver(pieces);
    }
  }

  private writeNode(node: Node, fillPercent: number, add: (key: Uint8Array, page: number) => void): void {
    if (!node.isLeaf) node.replaceChildren((child, addHere) => this.writeNode(child, fillPercent, addHere));
    if (node.origin !== null) this.replaced.push(node.origin);
    let from = 0;
    for (const to of splitPoints(node, this.target.pageSize, fillPercent)) {
      const isWarm = !node.isLeaf || (to === node.count && this.warmLeaves++ < warmLeavesMax);
      add(node.key(from), this.writePage(node, from, to, isWarm));
      from = to;
    }
  }

  private writePage(node: Node, from: number, to: number, isWarm: boolean): number {
    const { pageSize } = this.target;
    const span = Math.ceil(node.bytes(from, to) / pageSize);
    const id = this.allocate(span);
    const bytes = this.take(span * pageSize);
    node.encode(from, to, bytes, id, span);
    this.written.push({ id, bytes });
    if (isWarm && span === 1) this.warm.push({ id, bytes });
    return id;
  }

  private allocate(pages: number): number {
    const { free, txid, hasReaders, onAllocate } = this.target;
    const found = free.allocate(pages, txid, hasReaders);
    const id = found ?? this.highWater;
    if (found === null) {
      this.highWater += pages;
      free.noteAllocation({ page: id, pages }, txid, hasReaders);
    }
    for (let page = id; page < id + pages; page++) onAllocate(page);
    return id;
  }

  private take(bytes: number): Buffer {
    const chunkBytes = chunkPages * this.target.pageSize;
    if (bytes > chunkBytes) return Buffer.allocUnsafeSlow(bytes);
    if (this.chunk.length < bytes) this.chunk = Buffer.allocUnsafeSlow(chunkBytes);
    const taken = this.chunk.subarray(0, bytes);
    this.chunk = this.chunk.subarray(bytes);
    return taken;
  }
}
