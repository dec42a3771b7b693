import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';

/** The definition, bit by bit. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of bytes) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  // RFC 3720 appendix B.4, and the check value of the CRC catalogue.
  it.each([
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['32 zero bytes', Buffer.alloc(32), 0x8a9136aa],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 rising bytes', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['nothing', Buffer.alloc(0), 0],
  ])('of %s is the published value', (_, bytes, expected) => {
    expect(crc32c(0, bytes)).toBe(expected);
  });

  it('equals its definition, in one go or in parts, at any alignment', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    void fc.assert(
      fc.property(bytes, fc.nat(300), fc.nat(9), (data, split, shift) => {
        const shifted = Buffer.concat([Buffer.alloc(shift), data]);
        const middle = shift + Math.min(split, data.length);
        const inParts = crc32c(crc32c(0, shifted, shift, middle), shifted, middle);
        expect(inParts).toBe(slowCrc32c(data));
        expect(crc32c(0, data)).toBe(inParts);
      }),
    );
  });
});
