/** Applies sorted edits to a tree, from its root down. What they touch becomes nodes; what they did not change stays pages. */
import type { Edits } from './edits.ts';
import { childIndexFor } from './items.ts';
import { Node } from './node.ts';
import type { Pager } from './pager.ts';

/** Pages that edits touch are read so many at once; a few are rather read through the cache. */
const pagesAtOnceMax = 256;
const pagesAtOnceMin = 8;

const noBytes = new Uint8Array(0);

/** Resolves to whether anything changed. Rejects if a page cannot be read, or an edit takes a bucket for a value or the reverse. */
export function applyEdits(pager: Pager, root: Node, edits: Edits): Promise<boolean> {
  return applyShare(pager, root, edits, 0, edits.count);
}

async function applyShare(pager: Pager, node: Node, edits: Edits, from: number, to: number): Promise<boolean> {
  if (node.isLeaf) return node.merge(edits, from, to);
  const shares = shareOut(node, edits, from, to);
  let changed = false;
  for (let next = 0; next < shares.length; ) {
    for (const child of await changeableChildren(pager, node, shares, next)) {
      const share = shares[next++];
      if (share === undefined || !(await applyShare(pager, child, edits, share.from, share.to))) continue;
      node.setChild(share.index, child);
      changed = true;
    }
  }
  return changed;
}

/** The edits from..to that concern the child at `index`. */
interface Share {
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

/** Divides edits among the children of a branch, in order; children that none concerns are left out. */
function shareOut(branch: Node, edits: Edits, from: number, to: number): Share[] {
  const shares: Share[] = [];
  for (let start = from; start < to; ) {
    const index = childIndexFor(branch, edits.keys[start] ?? noBytes);
    const end = index + 1 < branch.count ? edits.lowerBound(branch.key(index + 1), start, to) : to;
    shares.push({ index, from: start, to: end });
    start = end;
  }
  return shares;
}

/** At least the child of the share at `at`, and those after it that can be read with it. They are not in the branch yet. */
async function changeableChildren(pager: Pager, branch: Node, shares: readonly Share[], at: number): Promise<Node[]> {
  const first = branch.child(shares[at]?.index ?? 0);
  if (typeof first !== 'number') return [first];
  const ids = [first];
  for (let i = at + 1; i < shares.length && ids.length < pagesAtOnceMax; i++) {
    const child = branch.child(shares[i]?.index ?? 0);
    if (typeof child !== 'number') break;
    ids.push(child);
  }
  if (ids.length < pagesAtOnceMin || pager.cached(first) !== null) return [Node.fromPage(await pager.load(first))];
  const pages = await pager.readRun(ids, 0, pagesAtOnceMax * pager.pageSize);
  return pages.map((page) => Node.fromPage(page));
}
