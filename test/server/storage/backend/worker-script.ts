/** The engine's thread, and programs that use it, built from the sources. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Backend } from '../../../../src/server/storage/backend/backend.ts';

const source = (path: string) => fileURLToPath(new URL(`../../../../src/${path}`, import.meta.url));

/** Resolves to the thread's program, in a folder. */
export async function buildWorkerScript(folder: string): Promise<string> {
  const outfile = join(folder, 'backend-worker.cjs');
  await build({
    entryPoints: [source('server/storage/backend/worker.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
  });
  return outfile;
}

/**
 * A program that is given the paths of a database and of the thread's program. It puts a record per mark, forever, of the revision that is
 * the mark's index; at every third one it deletes the record of the revision 1000 before. It prints the index of each commit.
 */
export async function buildWriter(folder: string): Promise<string> {
  const outfile = join(folder, 'writer.mjs');
  const contents = `
    import { openBackend } from ${JSON.stringify(source('server/storage/backend/open.ts'))};
    import { nodeDisk } from ${JSON.stringify(source('server/storage/node-disk.ts'))};
    import { nodeClock } from ${JSON.stringify(source('server/node-ports.ts'))};
    import { bucketKeyBytes, writeBucketKey } from ${JSON.stringify(source('server/mvcc/revision.ts'))};
    const [path, workerScript] = process.argv.slice(2);
    const opened = await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript, batchIntervalMs: 2, batchLimit: 300 });
    const backend = opened.value;
    const keyOf = (revision) => {
      const key = Buffer.alloc(bucketKeyBytes);
      writeBucketKey(key, revision, 0, false);
      return key;
    };
    // mvccpb.KeyValue {1 key, 5 value}.
    const record = Buffer.concat([Buffer.from('0a016b2ac801', 'hex'), Buffer.alloc(200, 'v')]);
    let index = backend.committedIndex;
    backend.onCommitted = () => console.log(backend.committedIndex);
    setInterval(() => {
      for (let i = 0; i < 20; i++) {
        index++;
        const writer = backend.put('key', bucketKeyBytes, record.length);
        writer.raw(keyOf(index));
        writer.raw(record);
        if (index % 3 === 0 && index > 1000) backend.delete('key', keyOf(index - 1000));
        backend.mark(index, 1);
      }
    }, 1);`;
  await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
  });
  return outfile;
}

/** Runs the writer until it has said `commits` times that something is committed, and kills it. Resolves to the last index it said. */
export async function writeUntilKilled(
  writer: string,
  path: string,
  workerScript: string,
  commits: number,
): Promise<number> {
  const child = spawn(process.execPath, [writer, path, workerScript], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString('latin1');
      if (said.split('\n').length > commits) resolve();
    });
  });
  child.kill('SIGKILL');
  await once(child, 'close');
  return Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
}

/** The revisions that the writer's records have when the mark of `index` is the last. */
export function revisionsAt(index: number): number[] {
  const revisions = Array.from({ length: index }, (_, i) => i + 1);
  return revisions.filter((revision) => (revision + 1000) % 3 !== 0 || revision + 1000 > index);
}

/** The revisions of the records that are there. */
export function revisionsIn(backend: Backend): number[] {
  const revisions: number[] = [];
  const cursor = backend.seek('key', Buffer.alloc(0));
  while (cursor.next()) revisions.push(Number(Buffer.from(cursor.key).readBigUInt64BE()));
  return revisions;
}
