/** The services answer the recorded calls as etcd did, over a member that applies without Raft. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenCalls, replayGoldens } from '../../../support/golden-replay.ts';
import { type ServedMember, serveFakeMember } from '../../../support/served-member.ts';

let served: ServedMember;
beforeAll(async () => {
  served = await serveFakeMember();
});
afterAll(() => served.close());

/** What a member alone and without Raft does not know; three processes do. */
const except: ReadonlyMap<number, string> = new Map([
  [155, 'there is no second member'],
  [161, 'nobody knows how far a learner is'],
  [168, 'nobody is connected'],
  [169, 'nobody is connected'],
]);

describe('the recorded gRPC calls', () => {
  it('are answered as etcd 3.6.5 answered them', async () => {
    expect(await replayGoldens({ addresses: { infra1: served.address }, except })).toEqual([]);
  });

  it('are replayed where the service exists; each of the others says what it needs', () => {
    const skipped = goldenCalls.filter(({ skip }) => skip !== undefined);
    expect(goldenCalls.length - skipped.length).toBeGreaterThan(150);
    for (const { n, skip } of skipped) expect(skip, String(n)).not.toBe('');
  });
});
