/** Bits that flip in the database of a member: it says where, changes nothing, and never serves what is there. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { keyOf } from '../../src/proto/mvccpb.ts';
import type { Page } from '../../src/server/storage/bolt/page.ts';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, type TestMember } from '../support/cluster.ts';
import { databasePath } from '../support/database.ts';
import { exitOf, fatals, flip, pagesOf } from '../support/page-damage.ts';

const pageSize = 4096;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function clientOf(member: TestMember): TestClient {
  const client = new TestClient(member.clientUrl);
  closers.push(() => client.close());
  return client;
}

const bodyOf = (i: number) => `value-${i}-`.padEnd(i === 100 ? 20_000 : 700, 'v');

/** A member with some hundred pages of keys, which was stopped in peace. */
async function stoppedMember(): Promise<TestMember> {
  const cluster = await TestCluster.start({ binaries: [bundledEtcd] });
  closers.push(() => cluster.close());
  const member = cluster.member(0);
  const client = clientOf(member);
  for (let i = 0; i < 400; i++) expect((await client.put(`key-${i}`, bodyOf(i))).ok).toBe(true);
  await member.kill('SIGTERM');
  return member;
}

/** All files of the member, as one text. */
function contentOf(member: TestMember): string {
  const { dataDir } = member.options;
  const lines = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).sort();
  return lines
    .map((name) => join(dataDir, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => `${createHash('sha256').update(readFileSync(path)).digest('hex')} ${path}`)
    .join('\n');
}

const tail = 'Remove the member from the cluster and add it again with an empty data directory, or restore a snapshot';

describe('a flipped bit in the database', () => {
  it('makes the start fail with the place and what to do, and changes nothing', { timeout: 60_000 }, async () => {
    const member = await stoppedMember();
    const { leaves, branches } = await pagesOf(member);
    const leaf = leaves.find(({ span, count }) => span === 1 && count > 2);
    const large = leaves.find(({ span }) => span > 2);
    const [branch] = branches;
    if (leaf === undefined || large === undefined || branch === undefined) throw new Error('no such pages');
    const last = leaf.count - 1;
    const offsetIn = (page: Page, part: Uint8Array) => page.id * pageSize + (part.byteOffset - page.bytes.byteOffset);
    const places: [what: string, page: number, kind: string, at: number][] = [
      ['a value', leaf.id, 'leaf', offsetIn(leaf, leaf.value(1)) + 300],
      ['a key', leaf.id, 'leaf', offsetIn(leaf, leaf.key(last)) + 12],
      ['padding', leaf.id, 'leaf', (leaf.id + 1) * pageSize - 1],
      ['a value of many pages', large.id + 2, 'leaf', (large.id + 2) * pageSize + 77],
      ['the key of a branch', branch.id, 'branch', offsetIn(branch, branch.key(branch.count - 1)) + 7],
    ];
    for (const [what, page, kind, at] of places) {
      flip(member, at);
      const before = contentOf(member);
      const from = member.log.length;
      member.start();
      expect(await exitOf(member), what).toBe(1);
      const [fatal, ...others] = fatals(member, from);
      expect(others, what).toEqual([]);
      expect(fatal?.error, what).toContain(
        `database ${databasePath(member)} is corrupt: page ${page}: the ${kind} at byte`,
      );
      expect(fatal?.error, what).toContain(`at byte ${page * pageSize}`);
      expect(fatal?.error, what).toContain('of bucket "key"');
      expect(fatal?.error, what).toContain(tail);
      expect(member.log.slice(from), what).not.toContain('ready to serve client requests');
      expect(contentOf(member), what).toBe(before);
      flip(member, at);
    }
    await member.start().ready;
    const answer = await clientOf(member).call('etcdserverpb.KV/Range', { key: Buffer.from('key-100') });
    const kvs = answer.ok ? (answer.answer['kvs'] as { value: Uint8Array }[]) : [];
    expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe(bodyOf(100));
  });

  it('ends a running member at the read that meets it', { timeout: 60_000 }, async () => {
    const member = await stoppedMember();
    const { leaves } = await pagesOf(member);
    // In the middle, where no read has passed by since the start.
    const leaf = leaves.filter(({ span }) => span === 1)[Math.floor(leaves.length / 2)];
    if (leaf === undefined) throw new Error('no such page');
    const key = keyOf(leaf.value(0));
    await member.start().ready;
    const from = member.log.length;
    flip(member, leaf.id * pageSize + 2000);
    const exit = exitOf(member);
    const answer = await clientOf(member).call('etcdserverpb.KV/Range', { key: Buffer.from(key) });
    expect(answer.ok).toBe(false);
    expect(await exit).toBe(1);
    const [fatal, ...others] = fatals(member, from);
    expect(others).toEqual([]);
    expect(fatal?.msg).toBe('the data directory is corrupt; the member must not serve it');
    expect(fatal?.error).toContain(
      `is corrupt: page ${leaf.id}: the leaf at byte ${leaf.id * pageSize}, of bucket "key"`,
    );
    expect(fatal?.error).toContain(tail);
  });
});
