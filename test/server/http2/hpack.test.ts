import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HpackDecoder, HpackError } from '../../../src/server/http2/hpack-decoder.ts';
import { type HeaderTemplate, HpackEncoder } from '../../../src/server/http2/hpack-encoder.ts';
import { DynamicTable } from '../../../src/server/http2/hpack-tables.ts';
import { huffmanDecode, huffmanEncode, huffmanSize } from '../../../src/server/http2/huffman.ts';

const large = 1 << 20;

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function decodeAll(decoder: HpackDecoder, block: Buffer): string[] {
  return decoder.decode(block, 0, block.length).fields;
}

function once(...fields: string[]): HeaderTemplate {
  return { fields, repeats: false };
}

describe('the decoder on the examples of RFC 7541 appendix C', () => {
  it.each([
    [
      'C.2.1 literal with indexing',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      ['custom-key', 'custom-header'],
    ],
    ['C.2.2 literal without indexing', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']],
    ['C.2.3 literal never indexed', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']],
    ['C.2.4 indexed', '82', [':method', 'GET']],
  ])('reads %s', (_name, block, fields) => {
    expect(decodeAll(new HpackDecoder(4096, large), hex(block))).toEqual(fields);
  });

  const requests = [
    [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'],
    [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com', 'cache-control', 'no-cache'],
    [
      ':method',
      'GET',
      ':scheme',
      'https',
      ':path',
      '/index.html',
      ':authority',
      'www.example.com',
      'custom-key',
      'custom-value',
    ],
  ];
  it.each([
    [
      'C.3, plain',
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
    ],
    [
      'C.4, Huffman',
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
    ],
  ])('reads the requests of %s', (_name, blocks) => {
    const decoder = new HpackDecoder(4096, large);
    expect(blocks.map((block) => decodeAll(decoder, hex(block)))).toEqual(requests);
  });

  const common = [
    'cache-control',
    'private',
    'date',
    'Mon, 21 Oct 2013 20:13:21 GMT',
    'location',
    'https://www.example.com',
  ];
  const responses = [
    [':status', '302', ...common],
    [':status', '307', ...common],
    [
      ':status',
      '200',
      'cache-control',
      'private',
      'date',
      'Mon, 21 Oct 2013 20:13:22 GMT',
      'location',
      'https://www.example.com',
      'content-encoding',
      'gzip',
      'set-cookie',
      'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
    ],
  ];
  it.each([
    [
      'C.5, plain',
      [
        '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '4803 3330 37c1 c0bf',
        '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
      ],
    ],
    [
      'C.6, Huffman',
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        '4883 640e ffc1 c0bf',
        '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
      ],
    ],
  ])('reads the responses of %s, evicting from a table of 256 bytes', (_name, blocks) => {
    const decoder = new HpackDecoder(256, large);
    expect(blocks.map((block) => decodeAll(decoder, hex(block)))).toEqual(responses);
  });
});

describe('the decoder', () => {
  it.each([
    ['index 0', '80'],
    ['an index beyond both tables', 'be'],
    ['a truncated integer', 'ff'],
    ['an integer without end', 'ff ff ff ff ff ff ff ff ff ff 00'],
    ['a truncated string', '0005 61'],
    ['a missing value', '0001 61'],
    ['a table size above what was promised', '3fe2 1f'],
    ['a table size after a field', '82 20'],
    ['padding that is not ones', '0001 61 81 00'],
    ['padding of a whole byte', '0001 61 82 1fff'],
    ['the EOS symbol', '0001 61 84 ffff ffff'],
  ])('refuses %s', (_name, block) => {
    expect(() => decodeAll(new HpackDecoder(4096, large), hex(block))).toThrow(HpackError);
  });

  it('returns the same list for a repeated block until the table changes', () => {
    const decoder = new HpackDecoder(4096, large);
    const add = hex('4001 6101 62');
    decodeAll(decoder, add);
    const block = hex('82 be');
    const first = decoder.decode(block, 0, 2);
    expect(first.fields).toEqual([':method', 'GET', 'a', 'b']);
    expect(decoder.decode(block, 0, 2)).toBe(first);
    decodeAll(decoder, hex('4001 6301 64'));
    expect(decodeAll(decoder, block)).toEqual([':method', 'GET', 'c', 'd']);
  });

  it('does not confuse a remembered block with the bytes it was read from', () => {
    const decoder = new HpackDecoder(4096, large);
    const block = hex('82');
    decodeAll(decoder, block);
    block[0] = 0x83;
    expect(decodeAll(decoder, block)).toEqual([':method', 'POST']);
  });

  it('truncates a list above its limit, yet keeps the table in step', () => {
    const decoder = new HpackDecoder(4096, 100);
    const template: HeaderTemplate = { fields: ['n', 'x'.repeat(70)], repeats: true };
    const encoder = new HpackEncoder();
    const first = Buffer.from(encoder.encode(template));
    const list = decoder.decode(first, 0, first.length);
    expect(list.truncated).toBe(true);
    expect(list.fields).toEqual([]);
    expect(() => decodeAll(decoder, Buffer.from(encoder.encode(template)))).not.toThrow();
    expect(() => decodeAll(decoder, hex('bf'))).toThrow(HpackError);
  });

  it('does not build a list from thousands of references to one large entry', () => {
    const decoder = new HpackDecoder(4096, 1 << 16);
    decodeAll(decoder, Buffer.concat([hex('4001 61 7f a1 1d'), Buffer.alloc(3872, 'v')]));
    const bomb = Buffer.alloc(100_000, 0xbe);
    const list = decoder.decode(bomb, 0, bomb.length);
    expect(list.truncated).toBe(true);
    expect(list.fields.length).toBeLessThan(50);
  });
});

const octets = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});
const fieldList = fc
  .array(fc.tuple(fc.oneof(octets, fc.constantFrom(':path', 'content-type', 'grpc-status')), octets), { maxLength: 8 })
  .map((pairs) => pairs.flat());

describe('the encoder', () => {
  it('is read back by the decoder, whatever it sends and however the peer changes the table', () => {
    const step = fc.oneof(
      fc.record({ fields: fieldList, repeats: fc.boolean() }),
      fc.nat({ max: 8192 }).map((size) => ({ size })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(4096, large);
        for (const item of steps) {
          if ('size' in item) {
            encoder.setPeerTableSize(item.size);
            continue;
          }
          for (let turn = 0; turn < 3; turn++) {
            expect(decodeAll(decoder, Buffer.from(encoder.encode(item)))).toEqual(item.fields);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('makes repeated lists as short as their number of fields', () => {
    const encoder = new HpackEncoder();
    const headers: HeaderTemplate = { fields: [':status', '200', 'content-type', 'application/grpc'], repeats: true };
    const trailers: HeaderTemplate = { fields: ['grpc-status', '0'], repeats: true };
    encoder.encode(headers);
    encoder.encode(trailers);
    expect(Buffer.from(encoder.encode(headers)).toString('hex')).toBe('88bf');
    expect(encoder.encode(trailers)).toBe(encoder.encode(trailers));
    expect(Buffer.from(encoder.encode(trailers)).toString('hex')).toBe('be');
  });

  it('announces the least size of the table and the last one, before the next block', () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableSize(0);
    encoder.setPeerTableSize(100);
    expect(Buffer.from(encoder.encode(once(':method', 'GET'))).toString('hex')).toBe('203f4582');
    expect(Buffer.from(encoder.encode(once(':method', 'GET'))).toString('hex')).toBe('82');
  });

  it('adds nothing to a table of size 0', () => {
    const encoder = new HpackEncoder();
    encoder.setPeerTableSize(0);
    const trailers: HeaderTemplate = { fields: ['grpc-status', '0'], repeats: true };
    encoder.encode(trailers);
    expect(Buffer.from(encoder.encode(trailers)).toString('latin1')).toContain('0');
    expect(decodeAll(new HpackDecoder(0, large), Buffer.from(encoder.encode(trailers)))).toEqual(trailers.fields);
  });
});

describe('the dynamic table', () => {
  it('holds what a plain list of entries would', () => {
    const step = fc.oneof(
      fc.tuple(fc.constant('add' as const), octets, octets),
      fc.tuple(fc.constant('resize' as const), fc.nat({ max: 600 })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new DynamicTable(600);
        let model: { name: string; value: string }[] = [];
        let capacity = 600;
        const bytes = (): number => model.reduce((sum, e) => sum + e.name.length + e.value.length + 32, 0);
        for (const item of steps) {
          if (item[0] === 'resize') {
            capacity = item[1];
            table.resize(capacity);
          } else {
            model = [{ name: item[1], value: item[2] }, ...model];
            table.add(item[1], item[2]);
          }
          while (bytes() > capacity) model.pop();
          const held = Array.from({ length: table.count }, (_, i) => ({ name: table.name(i), value: table.value(i) }));
          expect(held).toEqual(model);
          expect(table.bytes).toBe(bytes());
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('the Huffman code', () => {
  it('is undone by its decoder and takes the size foretold', () => {
    fc.assert(
      fc.property(octets, (text) => {
        const out = Buffer.alloc(huffmanSize(text) + 1);
        const end = huffmanEncode(text, out, 0);
        expect(end).toBe(huffmanSize(text));
        expect(huffmanDecode(out, 0, end)).toBe(text);
      }),
    );
  });

  it('decodes strings longer than its scratch buffer', () => {
    const text = '~0'.repeat(20_000);
    const out = Buffer.alloc(huffmanSize(text));
    huffmanEncode(text, out, 0);
    expect(huffmanDecode(out, 0, out.length)).toBe(text);
  });
});
