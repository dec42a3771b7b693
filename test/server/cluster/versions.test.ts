import { describe, expect, it } from 'vitest';
import { clusterVersionOf, downgradeTarget, isBefore, minorVersion } from '../../../src/server/cluster/versions.ts';

describe('a version', () => {
  it.each([
    ['3.6.5', '3.6.0'],
    ['3.7.0-alpha.1+git', '3.7.0'],
    ['03.06.5', '3.6.0'],
    ['3.6', null],
    ['3.6.5.4', null],
    ['3.x.1', null],
    ['', null],
  ])('%j is of minor version %j', (text, expected) => expect(minorVersion(text)).toBe(expected));

  it.each([
    ['3.5', '3.5.0'],
    ['3.5.9', '3.5.0'],
    ['3', null],
    ['v3.5', null],
    ['3.5.1.0', null],
  ])('%j means the cluster version %j', (text, expected) => expect(clusterVersionOf(text)).toBe(expected));

  it('is compared by its numbers, without its patch', () => {
    expect(isBefore('3.5.23', '3.6.0')).toBe(true);
    expect(isBefore('3.6.0', '3.6.5')).toBe(false);
    expect(isBefore('3.9.0', '3.10.0')).toBe(true);
    expect(downgradeTarget('3.6.0')).toBe('3.5.0');
  });
});
