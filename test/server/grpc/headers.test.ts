import { describe, expect, it } from 'vitest';
import {
  contentSubtype,
  contentTypeOf,
  encodeStatusMessage,
  isBinaryValue,
  Metadata,
} from '../../../src/server/grpc/metadata.ts';
import { parseTimeout } from '../../../src/server/grpc/timeout.ts';

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['5S', 5000],
    ['4999m', 4999],
    ['1500u', 1.5],
    ['0n', 0],
    ['99999999H', 99_999_999 * 3_600_000],
    ['-1S', -1000],
  ])('%s is %d milliseconds', (text, ms) => {
    expect(parseTimeout(text)).toEqual({ ok: true, value: ms });
  });

  it.each([
    ['5x', 'transport: timeout unit is not recognized: "5x"'],
    ['S', 'transport: timeout string is too short: "S"'],
    ['', 'transport: timeout string is too short: ""'],
    ['123456789m', 'transport: timeout string is too long: "123456789m"'],
    ['a1S', 'strconv.ParseInt: parsing "a1": invalid syntax'],
  ])('%s is refused', (text, complaint) => {
    expect(parseTimeout(text)).toEqual({ ok: false, error: complaint });
  });
});

describe('headers', () => {
  it('percent-encode status messages as UTF-8', () => {
    expect(encodeStatusMessage('plain ~text')).toBe('plain ~text');
    expect(encodeStatusMessage('100% ü\n')).toBe('100%25 %C3%BC%0A');
  });

  it('know the content types of gRPC', () => {
    expect(
      ['application/grpc', 'application/grpc+proto', 'APPLICATION/GRPC;x', 'application/grpcs', 'text/plain', ''].map(
        contentSubtype,
      ),
    ).toEqual(['', 'proto', 'x', null, null, null]);
    expect(contentTypeOf('json')).toBe('application/grpc+json');
  });

  it('tell base64 from other text, padded or not', () => {
    expect(['', 'YQ', 'YQ==', 'YWJj', 'YQ=', '!!!', 'a b'].map(isBinaryValue)).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it('give metadata by name', () => {
    const metadata = new Metadata(['token', 'a', 'x', '1', 'x', '2', 'key-bin', 'AQI']);
    expect(metadata.get('token')).toBe('a');
    expect(metadata.get('none')).toBeUndefined();
    expect(metadata.getAll('x')).toEqual(['1', '2']);
    expect(metadata.getBytes('key-bin')).toEqual(Buffer.from([1, 2]));
  });
});
