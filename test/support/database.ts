/** What a member that does not run has left in its database. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeClock } from '../../src/server/node-ports.ts';
import { openBackend } from '../../src/server/storage/backend/open.ts';
import { nodeDisk } from '../../src/server/storage/node-disk.ts';
import { type Content, contentOf } from '../server/storage/backend/backends.ts';
import type { TestMember } from './cluster.ts';

export function databasePath(member: TestMember): string {
  return join(member.options.dataDir, 'member/snap/db');
}

/** All pairs but the applied index and its term; of a copy, so that the original stays as it is. */
export async function databaseOf(member: TestMember): Promise<Content> {
  const folder = await mkdtemp(join(tmpdir(), 'clusterctl-db-'));
  try {
    const path = join(folder, 'db');
    await copyFile(databasePath(member), path);
    const opened = await openBackend({ disk: nodeDisk, clock: nodeClock, path });
    if (!opened.ok) throw new Error(opened.error);
    const content = contentOf(opened.value);
    await opened.value.close();
    return content;
  } finally {
    await rm(folder, { recursive: true });
  }
}
