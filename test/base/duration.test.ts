import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Duration, formatDuration, nanosecondsMax, parseDuration } from '../../src/base/duration.ts';

describe('duration texts are those of Go', () => {
  test.each([
    ['0', 0n, '0s'],
    ['+5s', 5_000_000_000n, '5s'],
    ['-1.5h', -5_400_000_000_000n, '-1h30m0s'],
    ['1µs', 1_000n, '1µs'],
    ['1μs', 1_000n, '1µs'],
    ['1us', 1_000n, '1µs'],
    ['1ns', 1n, '1ns'],
    ['1.5ms', 1_500_000n, '1.5ms'],
    ['.5s', 500_000_000n, '500ms'],
    ['1.s', 1_000_000_000n, '1s'],
    ['1h0m0s', 3_600_000_000_000n, '1h0m0s'],
    ['1m2.5s', 62_500_000_000n, '1m2.5s'],
    ['100ms', 100_000_000n, '100ms'],
    ['2562047h47m16.854775807s', nanosecondsMax, '2562047h47m16.854775807s'],
    ['-2562047h47m16.854775808s', -nanosecondsMax - 1n, '-2562047h47m16.854775808s'],
    ['0.3333333333333333333h', 1_200_000_000_000n - 1n, '19m59.999999999s'],
  ])('%s', (text, nanoseconds, printed) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: nanoseconds });
    expect(formatDuration(nanoseconds)).toBe(printed);
  });

  test.each([
    ['', 'time: invalid duration ""'],
    ['abc', 'time: invalid duration "abc"'],
    ['3', 'time: missing unit in duration "3"'],
    ['1x', 'time: unknown unit "x" in duration "1x"'],
    ['.s', 'time: invalid duration ".s"'],
    ['-', 'time: invalid duration "-"'],
    ['1.5', 'time: missing unit in duration "1.5"'],
    ['1é', String.raw`time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9"`],
    ['2562048h', 'time: invalid duration "2562048h"'],
    ['2562047h47m16.854775808s', 'time: invalid duration "2562047h47m16.854775808s"'],
  ])('refuses %s', (text, error) => {
    expect(parseDuration(text)).toEqual({ ok: false, error });
  });

  test('printing and parsing give the value back', () => {
    void fc.assert(
      fc.property(fc.bigInt({ min: -nanosecondsMax - 1n, max: nanosecondsMax }), (nanoseconds) => {
        expect(parseDuration(formatDuration(nanoseconds))).toEqual({ ok: true, value: nanoseconds });
      }),
    );
  });

  test('a Duration converts from and to milliseconds', () => {
    expect(Duration.fromMs(1500).toString()).toBe('1.5s');
    expect(Duration.fromMs(0.25).toString()).toBe('250µs');
    expect(new Duration(1_500_000n).ms).toBe(1.5);
    expect(new Duration(2n ** 70n).nanoseconds).toBe(nanosecondsMax);
  });
});
