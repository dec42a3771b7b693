import { describe, expect, it } from 'vitest';
import { clusterId, formatId, memberId, parseId } from '../../../src/server/cluster/ids.ts';

const founders = [12380, 22380, 32380].map((port) => memberId([`http://127.0.0.1:${port}`], 'etcd-cluster-1'));

describe('ids', () => {
  it('are those that etcd derives from peer URLs and token', () => {
    expect(founders.map(formatId)).toEqual(['8211f1d0f64f3269', '91bc3c398fb3c146', 'fd422379fda50e48']);
    expect(formatId(clusterId([...founders].reverse()))).toBe('ef37ad9dc622a7c4');
  });

  it('do not depend on the order of the peer URLs, but on the second of an addition', () => {
    const urls = ['http://b:1', 'http://a:1'];
    expect(memberId(urls, 't')).toBe(memberId([...urls].reverse(), 't'));
    expect(memberId(urls, '', 1_700_000_000)).not.toBe(memberId(urls, '', 1_700_000_001));
  });

  it('are written without leading zeros and read with any', () => {
    expect(formatId(0x00721b6d09add4f6n)).toBe('721b6d09add4f6');
    expect(parseId('00721B6D09add4f6')).toBe(0x721b6d09add4f6n);
    for (const text of ['', '0x1', '-1', 'g', '1_0', '10000000000000000']) expect(parseId(text)).toBeNull();
    expect(parseId('ffffffffffffffff')).toBe(2n ** 64n - 1n);
  });
});
