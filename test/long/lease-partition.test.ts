/**
 * A client that renews its lease at a leader that was cut off, and nowhere else: the majority has another leader by then, and must not end
 * the lease before its time after what the old one acknowledged last.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestClient } from '../support/client.ts';
import { FaultRun } from '../support/fault-run.ts';

const ttlSeconds = 3;

let run: FaultRun;
beforeAll(async () => {
  run = await FaultRun.start({ members: 3 });
});
afterAll(() => run.close());

async function leaderName(): Promise<string> {
  for (;;) {
    for (const name of run.names) {
      const client = new TestClient(run.clientUrl(name));
      const status = await client.call('etcdserverpb.Maintenance/Status', {});
      client.close();
      if (status.ok && (status.answer['header'] as { member_id: string }).member_id === status.answer['leader'])
        return name;
    }
  }
}

it.for(['partition --isolate leader', 'partition --isolate leader --mode reset', 'partition --leader-inbound'])(
  '%s: no lease ends before its time after the last acknowledged renewal',
  async (fault) => {
    const leader = await leaderName();
    const cutOff = new TestClient(run.clientUrl(leader));
    const majority = new TestClient(run.clientUrl(run.names.find((name) => name !== leader) ?? ''));
    try {
      const granted = await cutOff.call('etcdserverpb.Lease/LeaseGrant', { TTL: ttlSeconds });
      const ID = granted.ok ? String(granted.answer['ID']) : granted.message;
      const key = Buffer.from('leased');
      expect(await cutOff.call('etcdserverpb.KV/Put', { key, value: key, lease: ID })).toMatchObject({ ok: true });
      let acknowledgedMs = 0;
      let isRunning = true;
      const renewing = (async () => {
        while (isRunning) {
          const askedMs = performance.now();
          const renewed = await cutOff.exchange('etcdserverpb.Lease/LeaseKeepAlive', { ID }, 1_500);
          if (renewed.ok && Number(renewed.answer['TTL']) > 0) acknowledgedMs = askedMs;
        }
      })();
      await run.do(...fault.split(' '));
      await expect
        .poll(
          async () => {
            const found = await majority.call('etcdserverpb.KV/Range', { key }, { deadlineMs: 1_000 });
            return found.ok ? found.answer['count'] : found.message;
          },
          { timeout: 30_000, interval: 10 },
        )
        .toBe('0');
      expect(performance.now() - acknowledgedMs).toBeGreaterThan(ttlSeconds * 1_000);
      isRunning = false;
      await renewing;
    } finally {
      await run.do('heal', '--all');
      cutOff.close();
      majority.close();
    }
  },
);
