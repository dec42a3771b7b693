/** Joins nodes that deletions have left too small with their neighbours, before they are written. */
import { Node, type Span } from './node.ts';
import type { Page } from './page.ts';

export interface BalanceContext {
  readonly pageSize: number;
  readonly fillPercent: number;
  /** Loads a page to be changed. */
  load(page: number): Page | Promise<Page>;
  /** The node is no more. */
  discard(origin: Span | null): void;
}

/** Balances a tree. Resolves to its root, which is another node if levels became superfluous. */
export async function balanceTree(root: Node, context: BalanceContext): Promise<Node> {
  await balanceBelow(root, context);
  let top = root;
  while (!top.isLeaf && top.count <= 1) {
    if (top.count === 0) return Node.emptyLeaf(top.origin);
    const only = await changeableChild(top, 0, context);
    context.discard(top.origin);
    top = only;
  }
  return top;
}

/** The child as a node, which takes the page's place in its parent. */
async function changeableChild(branch: Node, index: number, context: Pick<BalanceContext, 'load'>): Promise<Node> {
  const child = branch.child(index);
  if (typeof child !== 'number') return child;
  const node = Node.fromPage(await context.load(child));
  branch.setChild(index, node);
  return node;
}

async function balanceBelow(branch: Node, context: BalanceContext): Promise<void> {
  if (branch.isLeaf) return;
  for (let index = 0; index < branch.count; ) {
    const child = branch.child(index);
    if (typeof child === 'number') {
      index++;
      continue;
    }
    if (!child.isLeaf) await balanceBelow(child, context);
    if (child.count === 0) {
      context.discard(child.origin);
      branch.removeChild(index);
    } else if (isTooSmall(child, context) && branch.count > 1) {
      index = await joinWithNeighbour(branch, index, context);
    } else index++;
  }
}

/** As bbolt decides it: below half of what a split would fill, or too few items. */
function isTooSmall(node: Node, { pageSize, fillPercent }: BalanceContext): boolean {
  if (!node.shrunk) return false;
  return node.count <= itemsMin(node) || node.bytes() <= Math.floor((pageSize * fillPercent) / 2);
}

function itemsMin(node: Node): number {
  return node.isLeaf ? 1 : 2;
}

/** Joins the child with the one before it, or the first with the second. Returns the index of the next child to look at. */
async function joinWithNeighbour(branch: Node, index: number, context: BalanceContext): Promise<number> {
  const leftIndex = Math.max(0, index - 1);
  const left = await changeableChild(branch, leftIndex, context);
  const right = await changeableChild(branch, leftIndex + 1, context);
  if (index === 0 && !right.isLeaf) await balanceBelow(right, context);
  left.append(right);
  context.discard(right.origin);
  branch.removeChild(leftIndex + 1);
  left.shrunk = left.count < itemsMin(left);
  return left.shrunk ? leftIndex : leftIndex + 1;
}
