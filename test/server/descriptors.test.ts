import { describe, expect, it } from 'vitest';
import { clientConnectionsMax, openFilesLimit, reservedDescriptors } from '../../src/server/descriptors.ts';

describe('file descriptors for clients', () => {
  it('are what the member does not need, shared by the client ports', () => {
    expect(clientConnectionsMax(1024, 1)).toEqual({ ok: true, value: 874 });
    expect(clientConnectionsMax(1024, 2)).toEqual({ ok: true, value: 437 });
    expect(clientConnectionsMax(Number.POSITIVE_INFINITY, 2)).toEqual({ ok: true, value: Number.POSITIVE_INFINITY });
    expect(clientConnectionsMax(reservedDescriptors + 1, 1)).toEqual({ ok: true, value: 1 });
  });

  it('are refused where the member itself would lack some', () => {
    const refused = clientConnectionsMax(reservedDescriptors, 1);
    expect(!refused.ok && refused.error).toContain('file descriptor limit of etcd process is too low');
  });

  it('are counted from what the system says', () => {
    const head = 'Limit                     Soft Limit           Hard Limit           Units\n';
    expect(openFilesLimit(`${head}Max open files            1024                 4096                 files\n`)).toBe(
      1024,
    );
    expect(openFilesLimit(`${head}Max open files            unlimited            unlimited            files\n`)).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(openFilesLimit('')).toBe(Number.POSITIVE_INFINITY);
  });
});
