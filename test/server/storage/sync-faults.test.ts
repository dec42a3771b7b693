import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { nodeDisk } from '../../../src/server/storage/node-disk.ts';
import { SyncFaults, syncDelayMaxMs } from '../../../src/server/storage/sync-faults.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function fileUnder(faults: SyncFaults) {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-sync-'));
  folders.push(folder);
  return faults.wrap(nodeDisk).open(join(folder, 'file'), 'create');
}

describe('a disk under sync faults', () => {
  it('works as it is while nothing is ordered', async () => {
    const faults = new SyncFaults();
    const file = await fileUnder(faults);
    await file.writev([Buffer.from('abc')], 0);
    await file.datasync();
    await file.sync();
    const bytes = Buffer.alloc(3);
    expect([await file.read(bytes, 0), bytes.toString(), await file.size(), faults.hits]).toEqual([3, 'abc', 3, 0]);
    await file.close();
  });

  it('is slow, then healthy again', async () => {
    const faults = new SyncFaults();
    const file = await fileUnder(faults);
    faults.set({ delayMs: 40, error: null });
    const startMs = performance.now();
    await file.datasync();
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(39);
    faults.set(null);
    await file.datasync();
    expect(faults.hits).toBe(1);
    await file.close();
  });

  it('fails as the operating system would, and only its syncs', async () => {
    const faults = new SyncFaults();
    const file = await fileUnder(faults);
    faults.set({ delayMs: 0, error: 'EIO' });
    await file.writev([Buffer.from('abc')], 0);
    await expect(file.datasync()).rejects.toMatchObject({
      code: 'EIO',
      errno: -5,
      syscall: 'fdatasync',
      message: 'EIO: i/o error, fdatasync',
    });
    await expect(file.sync()).rejects.toThrow('EIO: i/o error, fsync');
    expect(faults.hits).toBe(2);
    await file.close();
  });

  it('obeys the same order in every thread', async () => {
    const faults = new SyncFaults();
    const there = new SyncFaults(faults.shared);
    faults.set({ delayMs: 30, error: 'ENOSPC' });
    const startMs = performance.now();
    await expect(there.beforeSync('fsync')).rejects.toThrow('ENOSPC: no space left on device, fsync');
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(29);
    expect(faults.hits).toBe(1);
  });

  it('refuses what it cannot do', () => {
    const faults = new SyncFaults();
    expect(faults.set({ delayMs: 0, error: 'EPERM' })).toEqual({
      ok: false,
      error: 'syncs cannot fail with EPERM, but with EIO, ENOSPC, EDQUOT, EROFS',
    });
    expect(faults.set({ delayMs: syncDelayMaxMs, error: null }).ok).toBe(true);
    expect(faults.set({ delayMs: syncDelayMaxMs + 1, error: null }).ok).toBe(false);
  });
});
