import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goJsonString, JsonError, jsonDepthMax, parseJson } from '../../../src/server/cluster/json.ts';

describe('parseJson', () => {
  it('agrees with JSON.parse on every document but for integers that it rounds', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const rounded = (_: string, item: unknown): unknown => (typeof item === 'bigint' ? Number(item) : item);
        expect(JSON.stringify(parseJson(text), rounded)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('keeps 64-bit integers exact', () => {
    expect(parseJson('[9372538179322589801,18446744073709551615,-9223372036854775808,1]')).toEqual([
      9372538179322589801n,
      18446744073709551615n,
      -9223372036854775808n,
      1,
    ]);
  });

  it.each(['', '{', '[1,]', '{"a" 1}', '{"a":}', '01', '+1', 'nul', '"\n"', '"\\x"', '1 2', '{"a":1,}'])(
    'refuses %j',
    (text) => {
      expect(() => parseJson(text)).toThrow(JsonError);
    },
  );

  it('refuses documents deeper than the limit', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(() => parseJson(nested(jsonDepthMax))).not.toThrow();
    expect(() => parseJson(nested(jsonDepthMax + 1))).toThrow('exceeded max depth');
  });

  it('has no keys that the document does not have', () => {
    const value = parseJson('{"__proto__":1}') as Record<string, unknown>;
    expect(Object.keys(value)).toEqual(['__proto__']);
    expect('toString' in value).toBe(false);
  });
});

describe('goJsonString', () => {
  it('escapes what Go escapes', () => {
    expect(goJsonString('a<b>&"\\\n\t\b\f\r\u0001\u2028\u2029\u007fé')).toBe(
      '"a\\u003cb\\u003e\\u0026\\"\\\\\\n\\t\\b\\f\\r\\u0001\\u2028\\u2029\u007fé"',
    );
    expect(goJsonString('x\ud800y\ufffd')).toBe('"x\\ufffdy\ufffd"');
    expect(goJsonString('\ud83d\ude00')).toBe('"\ud83d\ude00"');
  });

  it('is read back as the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseJson(goJsonString(text))).toBe(text);
      }),
    );
  });
});
