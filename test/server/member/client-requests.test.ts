import { expect, it } from 'vitest';
import { err, ok } from '../../../src/base/result.ts';
import { alarmType } from '../../../src/proto/etcdserverpb-maintenance.ts';
import { decodeInternalRequest, internalField, requestIdOf } from '../../../src/proto/raft-internal.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { ClientRequests } from '../../../src/server/member/client-requests.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

const localId = 0x1234n;

/** Requests before a Raft that keeps what is proposed to it. */
function bench(maxRequestBytes = 1_000) {
  const proposed: Uint8Array[] = [];
  const answers: string[] = [];
  const space = { hasRoom: true, isAlarmed: false };
  const requests = new ClientRequests(
    localId,
    { maxRequestBytes, quotaBackendBytes: 0, timeoutMs: 7_000 },
    {
      clock: new ManualClock(),
      logger: silentLogger,
      state: () => ({ alarms: { has: () => space.isAlarmed }, quota: { allows: () => space.hasRoom } }),
      propose: (data) => void proposed.push(data),
      proposeAsLeader: () => false,
      dropQueued: () => new Set(),
      timeoutError: () => rpcErrors.timeout,
      failed() {},
    },
  );
  const entry = (at: number) => decodeInternalRequest(proposed[at] ?? new Uint8Array(0));
  return {
    requests,
    proposed,
    answers,
    space,
    entry,
    idOf: (at: number) => requestIdOf(entry(at)),
    propose: (rawBytes: number) =>
      requests.propose(internalField.compaction, new Uint8Array(rawBytes), (outcome) =>
        answers.push(outcome.ok ? 'applied' : outcome.error.message),
      ),
  };
}

it('a request is answered when the entry with its id is applied, and not by those of other members', () => {
  const { requests, answers, idOf, propose } = bench();
  propose(0);
  propose(0);
  requests.applied(idOf(1) ^ (1n << 48n), ok({ type: 'empty' }));
  expect([answers, requests.pending]).toEqual([[], 2]);
  requests.applied(idOf(1), ok({ type: 'empty' }));
  expect([answers, requests.pending]).toEqual([['applied'], 1]);
});

it('an entry may be as large as --max-request-bytes and no larger', () => {
  const measured = bench();
  measured.propose(100);
  const size = measured.proposed[0]?.length ?? 0;
  const exact = bench(size);
  exact.propose(100);
  exact.propose(101);
  expect(exact.proposed).toHaveLength(1);
  expect(exact.answers).toEqual([rpcErrors.requestTooLarge.message]);
});

it('refuses one request more than 100 000 that wait, until one of them is answered', () => {
  const { requests, answers, proposed, idOf, propose } = bench();
  for (let i = 0; i < 100_000; i++) propose(0);
  expect(answers).toEqual([]);
  propose(0);
  expect(answers.splice(0)).toEqual([rpcErrors.tooManyRequests.message]);
  requests.applied(idOf(0), ok({ type: 'empty' }));
  propose(0);
  expect([answers, proposed.length]).toEqual([['applied'], 100_001]);
});

it('a request that found no room when it was applied is answered after the alarm, unless that is raised already', () => {
  const { requests, answers, space, entry, idOf, propose, proposed } = bench();
  propose(0);
  requests.applied(idOf(0), err(rpcErrors.noSpace));
  expect([answers, proposed.length]).toEqual([[], 2]);
  expect(entry(1).body).toMatchObject({ type: 'alarm', request: { memberId: localId, alarm: alarmType.noSpace } });
  requests.applied(idOf(1), ok({ type: 'empty' }));
  expect(answers.splice(0)).toEqual([rpcErrors.noSpace.message]);
  space.isAlarmed = true;
  propose(0);
  requests.applied(idOf(2), err(rpcErrors.noSpace));
  expect([answers, proposed.length]).toEqual([[rpcErrors.noSpace.message], 3]);
});

it('a write without room is refused after the alarm', () => {
  const { requests, answers, space, idOf } = bench();
  const refuse = () => requests.refuseForSpace(1, ({ message }) => answers.push(message));
  expect(refuse()).toBe(false);
  space.hasRoom = false;
  expect([refuse(), answers]).toEqual([true, []]);
  requests.applied(idOf(0), ok({ type: 'empty' }));
  expect(answers).toEqual([rpcErrors.noSpace.message]);
});

it('answers everyone who waits when the member stops', () => {
  const { requests, answers, propose } = bench();
  propose(0);
  requests.stop();
  propose(0);
  expect(answers).toEqual([rpcErrors.stopped.message, rpcErrors.stopped.message]);
});
