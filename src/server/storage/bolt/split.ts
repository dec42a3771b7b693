/** How a node is divided into pages. */
import type { Node } from './node.ts';

/** A page that can be split keeps at least so many items, so that a branch stays a branch. */
const itemsPerPageMin = 2;

/**
 * Ends (exclusive) of the pages' items, in order; the last is the node's count. A node that fits into a page stays whole; else all
 * pages but the last are filled up to `fillPercent` of their size, for keys that may come between. An item too large for that
 * shares pages that overflow with as few others as the minimum allows.
 */
export function splitPoints(node: Node, pageSize: number, fillPercent: number): number[] {
  const threshold = Math.floor(pageSize * fillPercent);
  const ends: number[] = [];
  let from = 0;
  let rest = node.bytes();
  while (node.count - from > 2 * itemsPerPageMin && rest >= pageSize) {
    const page = filledPage(node, from, threshold);
    ends.push(page.end);
    rest -= page.itemBytes;
    from = page.end;
  }
  ends.push(node.count);
  return ends;
}

function filledPage(node: Node, from: number, threshold: number): { end: number; itemBytes: number } {
  // As bbolt has it: where the threshold is never reached, the last page keeps one item more than it must.
  const endMax = node.count - itemsPerPageMin - 1;
  let end = from;
  let itemBytes = 0;
  let bytes = node.bytes(from, from);
  for (; end < endMax; end++) {
    const next = node.itemBytes(end);
    if (end - from >= itemsPerPageMin && bytes + next > threshold) break;
    itemBytes += next;
    bytes += next;
  }
  return { end, itemBytes };
}
