/** Damage to the database of a member that does not run, or does, and what it says of it. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { BoltDb } from '../../src/server/storage/bolt/db.ts';
import type { Page } from '../../src/server/storage/bolt/page.ts';
import { walkTree } from '../../src/server/storage/bolt/walk.ts';
import { nodeDisk } from '../../src/server/storage/node-disk.ts';
import type { TestMember } from './cluster.ts';
import { databasePath } from './database.ts';

/** The pages of the bucket of keys, by what is on them. */
export async function pagesOf(member: TestMember): Promise<{ readonly leaves: Page[]; readonly branches: Page[] }> {
  const db = await BoltDb.open(nodeDisk, databasePath(member));
  const leaves: Page[] = [];
  const branches: Page[] = [];
  await walkTree(db.pages(), db.lastCommit().root, {
    visit: (page) => {
      if (!page.isLeaf) branches.push(page);
      else if (page.count > 0 && page.key(0).length === 17) leaves.push(page);
      return true;
    },
    fault: (error) => {
      throw error;
    },
  });
  await db.close();
  return { leaves, branches };
}

export function flip(member: TestMember, at: number): void {
  const file = openSync(databasePath(member), 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

/** The fatal lines that it wrote since `from`. */
export function fatals(member: TestMember, from: number): { msg: string; error?: string }[] {
  const lines = member.log.slice(from).split('\n');
  return lines.filter((line) => line.includes('"level":"fatal"')).map((line) => JSON.parse(line));
}

export async function exitOf(member: TestMember): Promise<number | null> {
  const child = member.process;
  if (child === null) throw new Error('it does not run');
  return new Promise((done) => child.once('exit', done));
}
