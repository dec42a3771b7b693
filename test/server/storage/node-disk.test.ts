import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../../src/server/storage/node-disk.ts';
import { Wal } from '../../../src/server/storage/wal/wal.ts';

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'node-disk-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

describe('nodeDisk', () => {
  it('writes many buffers, more than one system call takes, and reads them back', async () => {
    const file = await nodeDisk.open(join(scratch, 'many'), 'create');
    const buffers = Array.from({ length: 2500 }, (_, i) => Buffer.alloc(i % 7, i));
    const whole = Buffer.concat(buffers);
    await file.writev(buffers, 5);
    await file.datasync();
    expect(await file.size()).toBe(5 + whole.length);
    const back = Buffer.alloc(whole.length + 10);
    expect(await file.read(back, 5)).toBe(whole.length);
    expect(back.subarray(0, whole.length).equals(whole)).toBe(true);
    await file.truncate(6);
    await file.sync();
    expect(await file.read(back, 6)).toBe(0);
    await file.close();
  });

  it('makes a folder with its parents, once or again', async () => {
    const folder = join(scratch, 'a', 'b', 'c');
    await nodeDisk.makeDirectory(folder);
    await nodeDisk.makeDirectory(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await writeFile(join(scratch, 'plain'), '');
    await expect(nodeDisk.makeDirectory(join(scratch, 'plain'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(nodeDisk.makeDirectory(join(scratch, 'plain', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.skipIf(process.platform !== 'linux')(
    'fails where a file system refuses folders, and does not try for ever',
    async () => {
      await expect(nodeDisk.makeDirectory('/proc/nothing/here')).rejects.toMatchObject({
        code: 'ENOENT',
        path: '/proc/nothing',
      });
    },
  );

  it('writes little at once, and leaves much to the thread pool', async () => {
    const file = await nodeDisk.open(join(scratch, 'now'), 'create');
    expect(file.writeNow(Buffer.from('little'), 3)).toBe(true);
    expect(file.writeNow(Buffer.alloc(1024 * 1024), 0)).toBe(false);
    const back = Buffer.alloc(16);
    expect(await file.read(back, 0)).toBe(9);
    expect(back.toString('latin1', 0, 9)).toBe('\0\0\0little');
    await file.close();
  });

  it('creates files for their owner only, and never over another', async () => {
    const path = join(scratch, 'own');
    await (await nodeDisk.open(path, 'create')).close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await expect(nodeDisk.open(path, 'create')).rejects.toThrow('EEXIST');
    await expect(nodeDisk.open(join(scratch, 'none'), 'readWrite')).rejects.toThrow('ENOENT');
  });

  it('makes, lists, renames and removes', async () => {
    const folder = join(scratch, 'a/b/c');
    await nodeDisk.makeDirectory(folder);
    await nodeDisk.makeDirectory(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await writeFile(join(folder, 'z'), '');
    await writeFile(join(folder, 'y'), '');
    await nodeDisk.rename(join(folder, 'z'), join(folder, 'x'));
    await nodeDisk.syncDirectory(folder);
    expect(await nodeDisk.list(folder)).toEqual(['x', 'y']);
    await nodeDisk.remove(join(folder, 'x'));
    await nodeDisk.remove(join(folder, 'y'));
    await nodeDisk.remove(folder);
    expect(await nodeDisk.exists(folder)).toBe(false);
    await expect(nodeDisk.remove(folder)).rejects.toThrow('ENOENT');
    await expect(nodeDisk.list(folder)).rejects.toThrow('ENOENT');
  });
});

describe('a WAL on a real disk', () => {
  const entry = (index: number) => ({ type: 0, term: 1, index, data: Buffer.alloc(300, index) }) as const;

  it('is there again after a close, through several segments, with its files ready for the next', async () => {
    const folder = join(scratch, 'member/wal');
    await nodeDisk.makeDirectory(join(scratch, 'member'));
    const options = { segmentBytes: 200_000, zeroWindowBytes: 65_536, zeroChunkBytes: 8192 };
    const wal = await Wal.create(nodeDisk, folder, Buffer.from('metadata'), options);
    const saves = Array.from(
      { length: 2000 },
      (_, i) => new Promise((done) => wal.save(null, [entry(i + 1)], true, done)),
    );
    expect((await Promise.all(saves)).every((error) => error === null)).toBe(true);
    await wal.close();
    expect((await nodeDisk.list(folder)).map((name) => name.slice(-20))).toEqual([
      '0000000000000000.wal',
      expect.stringMatching(/\.wal$/),
      expect.stringMatching(/\.wal$/),
      expect.stringMatching(/\.wal$/),
    ]);
    const opened = await Wal.open(nodeDisk, folder, { index: 0, term: 0 }, options);
    if (!opened.ok) throw new Error(opened.error.message);
    expect(opened.value.entries.length).toBe(2000);
    expect(opened.value.entries[1999]).toEqual({ ...entry(2000), data: expect.anything() });
    await opened.value.wal.close();
  });

  it.skipIf(process.getuid?.() === 0)(
    'that may not be read says so (skipped as root, who may read everything)',
    async () => {
      const folder = join(scratch, 'forbidden');
      await nodeDisk.makeDirectory(folder);
      const { chmod } = await import('node:fs/promises');
      await chmod(folder, 0o000);
      const opened = await Wal.open(nodeDisk, folder, { index: 0, term: 0 });
      expect(!opened.ok && opened.error).toMatchObject({ type: 'unreadable' });
      expect(!opened.ok && opened.error.message).toMatch(/^cannot open the WAL in \/.*forbidden: EACCES/);
      await chmod(folder, 0o700);
    },
  );
});
