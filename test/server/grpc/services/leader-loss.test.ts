import { describe, expect, it } from 'vitest';
import { Metadata } from '../../../../src/server/grpc/metadata.ts';
import { LeaderLoss } from '../../../../src/server/grpc/services/leader-loss.ts';
import type { StreamCall } from '../../../../src/server/grpc/stream-call.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const electionMs = 1_000;

function bench() {
  const clock = new ManualClock();
  const leader = { id: 1n };
  const failed: string[] = [];
  const loss = new LeaderLoss(electionMs, { clock, leaderId: () => leader.id });
  const open = (name: string, insists: boolean) => {
    const call: StreamCall = {
      metadata: new Metadata(insists ? ['hasleader', 'true'] : []),
      method: '',
      deadlineMs: null,
      cancelled: false,
      queuedBytes: 0,
      onCancel: () => {},
      onMessage: () => {},
      onHalfClose: () => {},
      write: () => true,
      onDrain: () => {},
      end: () => {},
      fail: ({ message }) => failed.push(`${name}: ${message}`),
      pause: () => {},
      resume: () => {},
    };
    return loss.watch(call);
  };
  return { clock, leader, failed, open };
}

describe('a stream whose client insists on a leader', () => {
  it('ends after three election time-outs without one, and no other does', async () => {
    const { clock, leader, failed, open } = bench();
    open('insists', true);
    open('does not care', false);
    open('has ended', true)();
    await clock.advance(10 * electionMs);
    leader.id = 0n;
    await clock.advance(3 * electionMs - 1);
    expect(failed).toEqual([]);
    await clock.advance(1);
    expect(failed).toEqual(['insists: etcdserver: no leader']);
    await clock.advance(10 * electionMs);
    expect(failed).toHaveLength(1);
  });

  it('goes on if there is a leader again in time', async () => {
    const { clock, leader, failed, open } = bench();
    open('insists', true);
    for (let round = 0; round < 3; round++) {
      leader.id = 0n;
      await clock.advance(2 * electionMs);
      leader.id = 2n;
      await clock.advance(electionMs);
    }
    expect(failed).toEqual([]);
  });
});
