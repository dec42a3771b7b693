import { describe, expect, it } from 'vitest';
import { nextClusterVersion } from '../../../src/server/member/version-monitor.ts';

describe('the cluster version', () => {
  it('is the least of the members’ versions, without its patch', () => {
    expect(nextClusterVersion(null, ['3.6.5', '3.6.5', '3.6.5'])).toBe('3.6.0');
    expect(nextClusterVersion(null, ['3.6.5', '3.5.23', '3.6.5'])).toBe('3.5.0');
  });

  it('starts at 3.0.0 while a member cannot be asked, and rises when it can', () => {
    expect(nextClusterVersion(null, ['3.6.5', null, '3.6.5'])).toBe('3.0.0');
    expect(nextClusterVersion('3.0.0', ['3.6.5', null, '3.6.5'])).toBe(null);
    expect(nextClusterVersion('3.0.0', ['3.6.5', '3.6.5', '3.6.5'])).toBe('3.6.0');
  });

  it('never falls', () => {
    expect(nextClusterVersion('3.6.0', ['3.5.23', '3.6.5'])).toBe(null);
    expect(nextClusterVersion('3.6.0', ['3.6.5', '3.6.9'])).toBe(null);
  });
});
