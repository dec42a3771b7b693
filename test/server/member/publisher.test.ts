import { describe, expect, it } from 'vitest';
import { err, ok, type Result } from '../../../src/base/result.ts';
import type { ApplyResponse } from '../../../src/server/apply/response.ts';
import { type RpcError, rpcErrors } from '../../../src/server/grpc/status.ts';
import { createLogger } from '../../../src/server/log/logger.ts';
import { publish } from '../../../src/server/member/publisher.ts';

type Outcome = Result<ApplyResponse, RpcError>;

/** A member that publishes itself; whom it takes for the leader, and what comes of its proposals, is decided by hand. */
function publishing(leader: bigint) {
  const proposals: ((outcome: Outcome) => void)[] = [];
  const listeners = new Set<() => void>();
  const done = publish(
    {
      memberId: 2n,
      clusterId: 9n,
      clusterVersion: () => '3.6.0',
      leaderId: () => leader,
      propose: (_field, _raw, finish) => proposals.push(finish),
    },
    { name: 'b', advertiseClientUrls: [] },
    7_000,
    createLogger({ level: 'error', format: 'json', sinks: [], nowUs: () => 0 }),
    {
      serverVersions: async () => ['3.6.5'],
      onLeader: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      isStopped: () => false,
    },
  );
  return {
    proposals,
    done,
    listeners,
    elect: async () => {
      for (const listener of [...listeners]) listener();
      await settle();
    },
  };
}

const settle = () => new Promise((done) => setImmediate(done));
const applied: Outcome = ok({ type: 'empty' } as unknown as ApplyResponse);

describe('a member that publishes itself', () => {
  it('proposes again when another leader is elected: the one it went to may have stepped down before it came', async () => {
    const { proposals, done, listeners, elect } = publishing(1n);
    await settle();
    expect(proposals).toHaveLength(1);
    await elect();
    expect(proposals).toHaveLength(2);
    proposals[0]?.(err(rpcErrors.timeout));
    proposals[1]?.(applied);
    await done;
    expect([proposals.length, listeners.size]).toEqual([2, 0]);
  });

  it('proposes once if there is no leader yet: the first one gets it', async () => {
    const { proposals, done, elect } = publishing(0n);
    await settle();
    await elect();
    expect(proposals).toHaveLength(1);
    proposals[0]?.(applied);
    await done;
  });

  it('tries again after a failure', async () => {
    const { proposals, done } = publishing(1n);
    await settle();
    proposals[0]?.(err(rpcErrors.timeout));
    await settle();
    proposals[1]?.(applied);
    await done;
    expect(proposals).toHaveLength(2);
  });
});
