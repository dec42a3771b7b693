/** One member per data directory, whatever happens to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LockOptions, lockDirectory } from '../../../src/server/storage/directory-lock.ts';

const children: ChildProcess[] = [];
let scratch = '';
let program = '';

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'directory-lock-'));
  program = join(scratch, 'hold.mjs');
  const source = fileURLToPath(new URL('../../../src/server/storage/directory-lock.ts', import.meta.url));
  await build({
    stdin: {
      contents: `import { lockDirectory } from ${JSON.stringify(source)};
        const [directory, flockCommand] = process.argv.slice(2);
        const locked = await lockDirectory(directory, { flockCommand });
        console.log(locked.ok ? 'locked' : locked.error.type);
        setInterval(() => {}, 1000);`,
      resolveDir: scratch,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
  });
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

/** Another process that locks the directory and stays; resolves to what it said. */
async function holder(directory: string, flockCommand: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [program, directory, flockCommand], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  if (child.stdout === null) throw new Error('no output');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: said.toString('utf8').trim() };
}

const ways: readonly (readonly [string, LockOptions])[] = [
  ['flock(1)', { flockCommand: 'flock' }],
  ['a lock file, where flock(1) is missing', { flockCommand: 'no-such-flock' }],
];

describe.each(ways)('a directory locked by %s', (_, options) => {
  const command = options.flockCommand ?? '';

  it('is refused to another process until its holder is killed', async () => {
    const directory = await mkdtemp(join(scratch, 'data-'));
    const { child, said } = await holder(directory, command);
    expect(said).toBe('locked');
    const refused = await lockDirectory(directory, options);
    expect(!refused.ok && refused.error.type).toBe('held');
    expect(!refused.ok && refused.error.message).toMatch(
      /^\/.* is in use by (another process|process \d+): a data directory belongs to one member at a time$/,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    const locked = await lockDirectory(directory, options);
    expect(locked.ok).toBe(true);
    expect((await holder(directory, command)).said).toBe('held');
    if (locked.ok) await locked.value();
  });

  it('is free again once released, and leaves nothing behind', async () => {
    const directory = await mkdtemp(join(scratch, 'data-'));
    const first = await lockDirectory(directory, options);
    expect((await lockDirectory(directory, options)).ok).toBe(false);
    if (first.ok) await Promise.all([first.value(), first.value()]);
    expect(await readdir(directory)).toEqual([]);
    const second = await lockDirectory(directory, options);
    expect(second.ok).toBe(true);
    if (second.ok) await second.value();
  });
});

describe('a lock file', () => {
  it('of a process whose id another process has by now is stale', async () => {
    const directory = await mkdtemp(join(scratch, 'data-'));
    await writeFile(join(directory, 'clusterctl.lock'), `${process.pid} 1\n`);
    const locked = await lockDirectory(directory, { flockCommand: 'no-such-flock' });
    expect(locked.ok).toBe(true);
    expect(await readFile(join(directory, 'clusterctl.lock'), 'utf8')).toMatch(
      new RegExp(`^${process.pid} \\d{2,}\n$`),
    );
    if (locked.ok) await locked.value();
  });
});

describe('locking', () => {
  it('a directory that does not exist says so', async () => {
    const locked = await lockDirectory(join(scratch, 'missing'));
    expect(!locked.ok && locked.error.message).toMatch(/^cannot lock \/.*missing: ENOENT/);
  });
});
