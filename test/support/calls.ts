/** Calls of a running member that must succeed. */
import { TestClient } from './client.ts';
import type { TestMember } from './cluster.ts';

export type Answer = Readonly<Record<string, unknown>>;

/** Calls "Service/Method" of etcd's API. */
export async function call(member: TestMember, method: string, request: object): Promise<Answer> {
  const client = new TestClient(member.clientUrl);
  const outcome = await client.call(`etcdserverpb.${method}`, request);
  client.close();
  if (!outcome.ok) throw new Error(`${method}: ${outcome.message}`);
  return outcome.answer;
}

export const bytes = (text: string) => Buffer.from(text);

export function put(member: TestMember, key: string, value: string): Promise<Answer> {
  return call(member, 'KV/Put', { key: bytes(key), value: bytes(value) });
}

/** HashKV of all of the member's history. */
export async function hashOf(member: TestMember): Promise<Answer> {
  const { hash, hash_revision } = await call(member, 'Maintenance/HashKV', {});
  return { hash, hash_revision };
}

/** All pairs, read linearizably. */
export async function contentsOf(member: TestMember): Promise<unknown> {
  const { kvs } = await call(member, 'KV/Range', { key: bytes('\0'), range_end: bytes('\0') });
  return kvs;
}

export async function membersOf(member: TestMember): Promise<readonly Answer[]> {
  return (await call(member, 'Cluster/MemberList', {}))['members'] as readonly Answer[];
}
