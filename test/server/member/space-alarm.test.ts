import { expect, it } from 'vitest';
import { SpaceAlarm } from '../../../src/server/member/space-alarm.ts';

it('requests that find no room at the same time wait for one alarm', () => {
  const proposed: (() => void)[] = [];
  const told: string[] = [];
  const alarm = new SpaceAlarm((done) => proposed.push(done));
  alarm.raise(() => told.push('first'));
  alarm.raise(() => told.push('second'));
  expect([proposed.length, told]).toEqual([1, []]);
  proposed[0]?.();
  expect(told).toEqual(['first', 'second']);
  alarm.raise(() => told.push('later'));
  expect(proposed).toHaveLength(2);
});
