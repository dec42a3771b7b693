/** Whether a database is consistent: what bbolt's own check asks, and `etcdutl snapshot status` with it. */
import type { BoltDb } from './db.ts';
import { PageSet } from './free-pages.ts';
import type { Page } from './page.ts';
import { walkTree } from './walk.ts';

/**
 * Reads the state of the last commit and resolves to all that is wrong with it, in words that name the page; empty if it is sound.
 * Every page up to the high-water mark must be reached once, or be free, and keys must be in order. No write transaction may be open.
 */
export async function check(db: BoltDb): Promise<string[]> {
  const problems: string[] = [];
  await db.read(async ({ meta }) => {
    const pager = db.pages();
    const reachable = new PageSet(meta.highWater);
    const reach = (page: number) => {
      if (reachable.has(page)) problems.push(`page ${page}: referred to twice`);
      reachable.add(page);
    };
    reach(0);
    reach(1);
    if (meta.freelist !== null) {
      const { page, pages } = await pager.freelistSpan(meta.freelist);
      for (let id = page; id < page + pages; id++) reach(id);
    }
    await walkTree(pager, meta.root, {
      visit: (page: Page) => {
        const isNew = !reachable.has(page.id);
        for (let id = page.id; id < page.id + page.span; id++) reach(id);
        return isNew;
      },
      fault: (error) => problems.push(error.message),
    });
    problems.push(...unaccounted(db, reachable, meta.highWater));
  });
  return problems;
}

function unaccounted(db: BoltDb, reachable: PageSet, highWater: number): string[] {
  const problems: string[] = [];
  const free = db.freePages();
  const pending = new PageSet(highWater);
  for (const page of free.pendingPages()) {
    if (pending.has(page) || free.isFree(page)) problems.push(`page ${page}: freed twice`);
    pending.add(page);
  }
  for (let page = 0; page < highWater; page++) {
    const isFree = free.isFree(page) || pending.has(page);
    if (isFree && reachable.has(page)) problems.push(`page ${page}: in use, but free`);
    if (!isFree && !reachable.has(page)) problems.push(`page ${page}: neither in use nor free`);
  }
  return problems;
}
