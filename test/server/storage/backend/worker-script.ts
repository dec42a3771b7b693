/** The engine's thread, and programs that use it, built from the sources. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

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
 * A program that is given the paths of a database and of the thread's program. It puts a record per mark, forever, and prints the index of
 * each commit.
 */
export async function buildWriter(folder: string): Promise<string> {
  const outfile = join(folder, 'writer.mjs');
  const contents = `
    import { openBackend } from ${JSON.stringify(source('server/storage/backend/open.ts'))};
    import { nodeDisk } from ${JSON.stringify(source('server/storage/node-disk.ts'))};
    import { nodeClock } from ${JSON.stringify(source('server/node-ports.ts'))};
    const [path, workerScript] = process.argv.slice(2);
    const opened = await openBackend({ disk: nodeDisk, clock: nodeClock, path, workerScript, batchIntervalMs: 2, batchLimit: 300 });
    const backend = opened.value;
    let index = backend.committedIndex;
    backend.onCommitted = () => console.log(backend.committedIndex);
    setInterval(() => {
      for (let i = 0; i < 20; i++) {
        index++;
        const key = Buffer.from(String(index).padStart(10, '0'));
        const writer = backend.put('key', key.length, 200);
        writer.raw(key);
        writer.raw(Buffer.alloc(200, index % 251));
        if (index % 3 === 0 && index > 1000) backend.delete('key', Buffer.from(String(index - 1000).padStart(10, '0')));
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
