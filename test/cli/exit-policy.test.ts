import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-policy.ts';

const code = (value: number, stopping = false) => ({ name: 'x', exit: { code: value, signal: null }, stopping });
const signal = (name: string, stopping = false) => ({ name: 'x', exit: { code: null, signal: name }, stopping });

describe('the exit code of a run', () => {
  const ends = [code(0), code(3), code(7), code(2, true)];
  it('is 0 for goreman, whatever failed, unless a failure was to end all', () => {
    expect(exitCodeOf({ failure: null, ends }, 'goreman')).toBe(0);
    expect(exitCodeOf({ failure: { name: 'x', exit: { code: 3, signal: null } }, ends }, 'goreman')).toBe(1);
  });
  it('is the first or the largest of the processes, if wanted', () => {
    expect(exitCodeOf({ failure: null, ends }, 'first')).toBe(3);
    expect(exitCodeOf({ failure: null, ends }, 'max')).toBe(7);
    expect(exitCodeOf({ failure: null, ends: [] }, 'max')).toBe(0);
  });
  it('counts a signal that ended a process, unless it was ours', () => {
    expect(exitCodeOf({ failure: null, ends: [signal('SIGTERM', true), signal('SIGKILL')] }, 'first')).toBe(137);
    expect(exitCodeOf({ failure: null, ends: [signal('SIGTERM', true)] }, 'max')).toBe(0);
  });
});
