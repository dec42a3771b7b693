import { describe, expect, it } from 'vitest';
import { ok } from '../../../src/base/result.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { Proposals } from '../../../src/server/member/proposals.ts';

/** Proposals whose clock is moved by hand, before a Raft that takes some of them. */
function bench() {
  const queue = new Set<Uint8Array>();
  const answers: string[] = [];
  const leads = { now: true };
  let nowMs = 0;
  let tick = (): void => {};
  const proposals = new Proposals(
    {
      clock: {
        now: () => nowMs,
        monotonicMs: () => nowMs,
        after: () => ({ cancel() {} }),
        every: (_interval, callback) => {
          tick = callback;
          return { cancel() {} };
        },
      },
      propose: (data) => queue.add(data),
      proposeAsLeader: () => leads.now,
      dropQueued: (entries) => new Set([...queue].filter((data) => entries.has(data) && queue.delete(data))),
      timeoutError: () => rpcErrors.timeout,
      failed() {},
    },
    7_000,
  );
  return {
    queue,
    answers,
    leads,
    proposeAsLeader: (key: number) =>
      proposals.proposeAsLeader(key, Buffer.from([key]), (outcome) =>
        answers.push(outcome.ok ? 'applied' : outcome.error.message),
      ),
    applied: (key: number) => proposals.applied(key, ok({ type: 'empty' })),
    propose: (key: number) =>
      proposals.propose(key, Buffer.from([key]), (outcome) =>
        answers.push(outcome.ok ? 'applied' : outcome.error.message),
      ),
    passMs: (ms: number) => {
      nowMs += ms;
      tick();
    },
  };
}

describe('a proposal that is not applied in time', () => {
  it('timed out if Raft took it, though there is no leader any more', () => {
    const { queue, answers, propose, passMs } = bench();
    propose(1);
    queue.clear();
    passMs(6_999);
    expect(answers).toEqual([]);
    passMs(1);
    expect(answers).toEqual(['etcdserver: request timed out']);
  });

  it('ran into its deadline if it waited for a leader all the time, and is never proposed', () => {
    const { queue, answers, propose, passMs } = bench();
    propose(1);
    passMs(7_000);
    expect(answers).toEqual(['context deadline exceeded']);
    expect(queue.size).toBe(0);
  });
});

describe('a proposal of the leader', () => {
  it('is answered when it is applied', () => {
    const { answers, applied, proposeAsLeader } = bench();
    proposeAsLeader(1);
    expect(answers).toEqual([]);
    applied(1);
    expect(answers).toEqual(['applied']);
  });

  it('fails at once if this member does not lead, and never waits for another leader', () => {
    const { answers, leads, proposeAsLeader, queue } = bench();
    leads.now = false;
    proposeAsLeader(1);
    expect(answers).toEqual(['etcdserver: not leader']);
    expect(queue.size).toBe(0);
  });
});
