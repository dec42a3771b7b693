/** Leases as the tests use them: through any member, by the plain client. */
import { TestClient } from './client.ts';
import type { TestCluster, TestMember } from './cluster.ts';

export interface LeaseLife {
  /** Seconds; -1: there is no such lease. */
  readonly ttl: number;
  readonly grantedTtl: number;
  readonly keys: readonly string[];
}

const unavailable = 14;

async function ask<T>(member: TestMember, ask: (client: TestClient) => Promise<T>): Promise<T> {
  const client = new TestClient(member.clientUrl);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

async function call(member: TestMember, method: string, request: object): Promise<Readonly<Record<string, unknown>>> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const options = { waitForReady: true, deadlineMs: 10_000 };
    const outcome = await ask(member, (client) => client.call(`etcdserverpb.${method}`, request, options));
    if (outcome.ok) return outcome.answer;
    // While leaders change, clients ask again.
    if (outcome.code !== unavailable || Date.now() > deadline)
      throw new Error(`${member.options.name}: ${method}: ${outcome.message}`);
  }
}

export async function grant(member: TestMember, ttl: number | string, id = 0): Promise<string> {
  const { ID } = await call(member, 'Lease/LeaseGrant', { TTL: ttl, ID: id });
  return String(ID);
}

export async function putLeased(member: TestMember, key: string, lease: string): Promise<void> {
  await call(member, 'KV/Put', { key: Buffer.from(key), value: Buffer.from(`of ${lease}`), lease });
}

export async function revoke(member: TestMember, id: string): Promise<void> {
  await call(member, 'Lease/LeaseRevoke', { ID: id });
}

/** The seconds that the lease has again; 0 if there is none. */
export async function renew(member: TestMember, id: string): Promise<number> {
  const outcome = await ask(member, (client) =>
    client.exchange('etcdserverpb.Lease/LeaseKeepAlive', { ID: id }, 20_000),
  );
  if (!outcome.ok) throw new Error(`${member.options.name}: LeaseKeepAlive: ${outcome.message}`);
  return Number(outcome.answer['TTL']);
}

export async function lifeOf(member: TestMember, id: string): Promise<LeaseLife> {
  const { TTL, grantedTTL, keys } = await call(member, 'Lease/LeaseTimeToLive', { ID: id, keys: true });
  return {
    ttl: Number(TTL),
    grantedTtl: Number(grantedTTL),
    keys: (keys as readonly Buffer[]).map(String).sort(),
  };
}

export async function leasesOf(member: TestMember): Promise<readonly string[]> {
  const { leases } = await call(member, 'Lease/LeaseLeases', {});
  return (leases as readonly { readonly ID: string }[]).map(({ ID }) => ID).sort();
}

/** How many keys begin so, and the revision at which that was true; read linearizably. */
export async function keysUnder(member: TestMember, prefix: string): Promise<{ count: number; revision: number }> {
  const end = Buffer.from(prefix);
  end[end.length - 1] = (end[end.length - 1] ?? 0) + 1;
  const { count, header } = await call(member, 'KV/Range', { key: Buffer.from(prefix), range_end: end });
  return { count: Number(count), revision: Number((header as { revision: string }).revision) };
}

/** The member that leads, as it says itself. */
export async function leaderOf(cluster: TestCluster): Promise<TestMember> {
  const deadline = Date.now() + 15_000;
  while (Date.now() < deadline) {
    for (const member of cluster.members) {
      if (member.process === null) continue;
      const status = await ask(member, (client) =>
        client.call('etcdserverpb.Maintenance/Status', {}, { deadlineMs: 2_000 }),
      );
      if (status.ok && (status.answer['header'] as { member_id: string }).member_id === status.answer['leader'])
        return member;
    }
  }
  throw new Error('no leader within 15 s');
}

/** Makes that member the leader. */
export async function makeLeader(cluster: TestCluster, member: TestMember): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const leader = await leaderOf(cluster);
    if (leader === member) return;
    const status = await call(member, 'Maintenance/Status', {});
    const targetID = (status['header'] as { member_id: string }).member_id;
    const moved = await ask(leader, (client) => client.call('etcdserverpb.Maintenance/MoveLeader', { targetID }));
    if (!moved.ok && Date.now() > deadline) throw new Error(`${member.options.name} does not lead: ${moved.message}`);
  }
}
