import { describe, expect, it } from 'vitest';
import { RequestIds } from '../../../src/server/member/request-id.ts';

describe('request ids', () => {
  it('are those that etcd 3.6.5 wrote into its WAL: member, start time, counter', () => {
    const startMs = 0xa20278c115; // the low 40 bits of the clock at start
    const ids = new RequestIds(0xbdae9bbc11dd390dn, startMs);
    expect(ids.idOf(ids.nextKey())).toBe(0x390da20278c11501n);
    expect(ids.idOf(ids.nextKey())).toBe(0x390da20278c11502n);
  });

  it('a key leads back to its id, and ids of other members have none', () => {
    const ids = new RequestIds(0xffffn, 1_700_000_000_000);
    const key = ids.nextKey();
    expect(ids.keyOf(ids.idOf(key))).toBe(key);
    expect(ids.keyOf(ids.idOf(key) ^ (1n << 48n))).toBeNull();
    expect(ids.keyOf(0n)).toBeNull();
  });

  it('the counter wraps inside the low 48 bits', () => {
    const ids = new RequestIds(1n, 2 ** 40 - 1);
    for (let i = 0; i < 255; i++) ids.nextKey();
    const last = ids.nextKey();
    expect(last).toBe(0);
    expect(ids.idOf(last)).toBe(1n << 48n);
  });
});
