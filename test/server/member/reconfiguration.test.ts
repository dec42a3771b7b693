import { beforeEach, describe, expect, it } from 'vitest';
import { ok } from '../../../src/base/result.ts';
import { Membership } from '../../../src/server/cluster/membership.ts';
import { type RpcError, rpcErrors } from '../../../src/server/grpc/status.ts';
import { Connections } from '../../../src/server/member/connections.ts';
import { Reconfiguration } from '../../../src/server/member/reconfiguration.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { silentLogger } from '../../support/silent-logger.ts';

let clock: ManualClock;
let membership: Membership;
/** Since when each peer is connected. */
let connected: Map<bigint, number>;
let matches: Map<bigint, { readonly match: number }>;
let proposals: number;

beforeEach(async () => {
  clock = new ManualClock();
  await clock.advance(100_000);
  membership = membershipOf(['a', 'b', 'c'], []);
  connected = new Map([2n, 3n].map((id) => [id, 0]));
  matches = new Map();
  proposals = 0;
});

/** Ids are 1, 2, … in order; an empty name is a member that has not started. */
function membershipOf(voters: readonly string[], learners: readonly string[]): Membership {
  const members = [...voters, ...learners].map((name, i) => ({
    id: BigInt(i + 1),
    name,
    peerUrls: [`http://m${i + 1}`],
    clientUrls: [],
    isLearner: i >= voters.length,
  }));
  return new Membership({ clusterId: 9n, localId: 1n, members, removed: [], version: '3.6.0' });
}

function reconfiguration(isStrict = true): Reconfiguration {
  const connections = new Connections(1n, membership);
  const transport = { activeSince: (id: bigint) => connected.get(id) ?? null };
  Object.assign(connections, { transport });
  let nextId = 1n;
  const made = new Reconfiguration(1n, isStrict, 7_000, {
    clock,
    logger: silentLogger,
    membership,
    connections,
    update: (change) =>
      change({
        status: () => ({ progress: matches }),
        proposeConfChange: ({ change: { id } }: { change: { id: bigint } }) => {
          proposals++;
          queueMicrotask(() => made.applied(id, ok(null)));
          return ok(undefined);
        },
      } as never), // what is asked of the Raft core here
    nextRequestId: () => nextId++,
    timeoutError: () => rpcErrors.timeout,
  });
  return made;
}

async function refusal(change: Promise<{ readonly ok: boolean; readonly error?: RpcError }>): Promise<string | null> {
  const outcome = await change;
  expect(proposals).toBe(outcome.ok ? 1 : 0);
  proposals = 0;
  return outcome.ok ? null : (outcome.error?.message ?? '');
}

const unhealthy = 'etcdserver: unhealthy cluster';
const notEnough = 'etcdserver: re-configuration failed due to not enough started members';

describe('adding a member', () => {
  it('needs all voters to be connected for five seconds', async () => {
    expect(await refusal(reconfiguration().add(['http://m4'], false))).toBe(null);
    connected.set(3n, clock.monotonicMs() - 4_000);
    expect(await refusal(reconfiguration().add(['http://m4'], false))).toBe(unhealthy);
    expect(await refusal(reconfiguration().add(['http://m4'], true))).toBe(unhealthy);
    expect(await refusal(reconfiguration(false).add(['http://m4'], false))).toBe(null);
  });

  it('needs a quorum of started members, unless there is one member', async () => {
    membership = membershipOf(['a', 'b', ''], []);
    expect(await refusal(reconfiguration().add(['http://m4'], false))).toBe(notEnough);
    membership = membershipOf(['a'], []);
    expect(await refusal(reconfiguration().add(['http://m2'], false))).toBe(null);
  });
});

describe('removing a member', () => {
  it('needs a quorum without it that is connected for five seconds', async () => {
    expect(await refusal(reconfiguration().remove(2n))).toBe(null);
    connected.set(3n, clock.monotonicMs() - 4_000);
    expect(await refusal(reconfiguration().remove(2n))).toBe(unhealthy);
    expect(await refusal(reconfiguration(false).remove(2n))).toBe(null);
  });

  it('that is down is possible at once, and that is a learner', async () => {
    connected.set(3n, clock.monotonicMs());
    connected.delete(2n);
    expect(await refusal(reconfiguration().remove(2n))).toBe(null);
    membership = membershipOf(['a', 'b', 'c'], ['d']);
    connected.set(4n, clock.monotonicMs());
    expect(await refusal(reconfiguration().remove(4n))).toBe(null);
  });

  it('needs a quorum of started members without it', async () => {
    membership = membershipOf(['a', 'b', ''], []);
    expect(await refusal(reconfiguration().remove(2n))).toBe(notEnough);
    expect(await refusal(reconfiguration().remove(3n))).toBe(null);
  });
});

describe('promoting a learner', () => {
  beforeEach(() => {
    membership = membershipOf(['a', 'b', 'c'], ['d']);
  });

  it('is for the leader, and needs nine tenths of its log', async () => {
    expect(await refusal(reconfiguration().promote(4n))).toBe('etcdserver: not leader');
    matches = new Map([1n, 4n].map((id) => [id, { match: id === 1n ? 100 : 89 }]));
    expect(await refusal(reconfiguration().promote(4n))).toBe(
      'etcdserver: can only promote a learner member which is in sync with leader',
    );
    expect(await refusal(reconfiguration().promote(5n))).toBe('etcdserver: member not found');
    matches.set(4n, { match: 90 });
    expect(await refusal(reconfiguration().promote(4n))).toBe(null);
  });
});

describe('a change that is not applied', () => {
  it('fails when its time is over', async () => {
    const made = new Reconfiguration(1n, false, 7_000, {
      clock,
      logger: silentLogger,
      membership,
      connections: new Connections(1n, membership),
      update: (change) => change({ proposeConfChange: () => ok(undefined) } as never), // as above
      nextRequestId: () => 1n,
      timeoutError: () => rpcErrors.timeout,
    });
    const outcome = made.remove(2n);
    await clock.advance(7_000);
    expect(await outcome).toEqual({ ok: false, error: rpcErrors.timeout });
  });
});
