/** The simulated disk is a judge of storage code: here it is judged itself, by what POSIX promises and what it does not. */
import { describe, expect, it } from 'vitest';
import type { DiskFile } from '../../src/base/ports.ts';
import { seededRandom } from '../../src/base/prng.ts';
import { SimDisk, type SimDiskOptions } from '../../src/sim/disk.ts';

const path = '/d/file';

async function newDisk(seed: number, options: SimDiskOptions = {}): Promise<{ disk: SimDisk; file: DiskFile }> {
  const disk = new SimDisk(seededRandom(seed), options);
  await disk.makeDirectory('/d');
  const file = await disk.open(path, 'create');
  await disk.syncDirectory('/');
  await disk.syncDirectory('/d');
  return { disk, file };
}

async function contents(disk: SimDisk): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  const bytes = Buffer.alloc(await file.size());
  await file.read(bytes, 0);
  return bytes;
}

/** What is found after a crash, over many seeds. */
async function outcomes(act: (file: DiskFile, disk: SimDisk) => Promise<void>): Promise<Set<string>> {
  const found = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const { disk, file } = await newDisk(seed);
    await act(file, disk);
    disk.crash();
    disk.restart();
    const bytes = await contents(disk);
    const sectors = Array.from({ length: Math.ceil(bytes.length / 512) }, (_, i) => bytes[i * 512]);
    found.add(`${bytes.length}:${sectors.join('')}`);
  }
  return found;
}

describe('a crash of the simulated disk', () => {
  it('keeps what was synced', async () => {
    const found = await outcomes(async (file) => {
      await file.writev([Buffer.alloc(1024, 1)], 0);
      await file.datasync();
    });
    expect([...found]).toEqual(['1024:11']);
  });

  it('may lose or keep each sector that was not synced, and the length', async () => {
    const found = await outcomes(async (file) => {
      await file.writev([Buffer.alloc(1024, 1)], 0);
      await file.sync();
      await file.writev([Buffer.alloc(1024, 2), Buffer.alloc(512, 2)], 0);
    });
    expect([...found].sort()).toEqual(
      ['1024:11', '1024:12', '1024:21', '1024:22', '1536:110', '1536:112', '1536:120', '1536:122']
        .concat(['1536:210', '1536:212', '1536:220', '1536:222'])
        .filter((outcome) => found.has(outcome)),
    );
    expect(found.size).toBeGreaterThan(6);
    expect(found).toContain('1024:11');
    expect(found).toContain('1536:222');
  });

  it('may undo a truncation, but a file that grows again reads as zeros', async () => {
    const found = await outcomes(async (file) => {
      await file.writev([Buffer.alloc(1024, 1)], 0);
      await file.sync();
      await file.truncate(512);
      await file.sync();
      await file.truncate(1024);
      await file.sync();
    });
    expect([...found]).toEqual(['1024:10']);
  });

  it('may lose a name whose directory was not synced, and a renaming whole', async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { disk, file } = await newDisk(seed);
      await file.sync();
      await disk.rename(path, '/d/new');
      await disk.open('/d/other', 'create');
      disk.crash();
      disk.restart();
      found.add((await disk.list('/d')).join(' '));
    }
    expect([...found].sort()).toEqual(['file', 'file other', 'new', 'new other']);
  });

  it('kills the files that were open, and every operation until the restart', async () => {
    const { disk, file } = await newDisk(1);
    disk.crash();
    await expect(disk.list('/d')).rejects.toThrow('the machine is down');
    disk.restart();
    await expect(file.datasync()).rejects.toThrow('EBADF');
    expect(await disk.list('/d')).toEqual(['file']);
  });

  it('is the same for the same seed', async () => {
    const run = async () => {
      const { disk, file } = await newDisk(7);
      for (let i = 0; i < 20; i++) await file.writev([Buffer.alloc(700, i + 1)], i * 300);
      disk.crash();
      disk.restart();
      return (await contents(disk)).toString('hex');
    };
    expect(await run()).toBe(await run());
  });
});

describe('an injected failure', () => {
  it('of a sync leaves the fate of its data unknown, and no later sync helps', async () => {
    const found = await outcomes(async (file, disk) => {
      await file.writev([Buffer.alloc(1024, 1)], 0);
      await file.sync();
      await file.writev([Buffer.alloc(1024, 2)], 0);
      disk.failAt(disk.operations, 'EIO');
      await expect(file.datasync()).rejects.toThrow('EIO: injected failure');
      await file.datasync();
    });
    expect([...found].sort()).toEqual(['1024:11', '1024:12', '1024:21', '1024:22']);
  });

  it('happens once', async () => {
    const { disk, file } = await newDisk(1);
    disk.failAt(disk.operations, 'ENOSPC');
    await expect(file.truncate(5)).rejects.toMatchObject({ code: 'ENOSPC' });
    await file.truncate(5);
    expect(await file.size()).toBe(5);
  });
});
