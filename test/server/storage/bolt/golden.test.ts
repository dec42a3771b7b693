/** Files of real programs: read, written again byte for byte, and changed. */
import { describe, expect, it } from 'vitest';
import { check } from '../../../../src/server/storage/bolt/check.ts';
import { BoltDb } from '../../../../src/server/storage/bolt/db.ts';
import { decodeMetaPage, encodeMetaPage } from '../../../../src/server/storage/bolt/meta.ts';
import { Node } from '../../../../src/server/storage/bolt/node.ts';
import { parsePage } from '../../../../src/server/storage/bolt/page.ts';
import { diskWith, golden, goldenNames } from './golden.ts';
import { bytes, contentOf, type ModelBucket } from './model.ts';

const pageSize = 4096;

async function contentOfFile(file: Uint8Array): Promise<ModelBucket> {
  const db = await BoltDb.open(await diskWith(file), '/data/db');
  const content = await db.read((tx) => contentOf(tx.root));
  expect(await check(db)).toEqual([]);
  await db.close();
  return content;
}

function bucketIn(content: ModelBucket, name: string): ModelBucket {
  const bucket = content.items.get(name);
  if (bucket === undefined || typeof bucket === 'string') throw new Error(`no bucket ${name}`);
  return bucket;
}

describe.each(goldenNames)('the database %s', (name) => {
  const file = golden(name);

  it('has metas that are encoded as they were read', () => {
    for (const start of [0, pageSize]) {
      const page = file.subarray(start, start + pageSize);
      const meta = decodeMetaPage(page) ?? expect.fail();
      // Behind the meta, a page may hold what was in the buffer before.
      const encoded = encodeMetaPage(meta, start / pageSize);
      expect(encoded.subarray(0, 80)).toEqual(page.subarray(0, 80));
    }
  });

  it('has leaves and branches that are encoded as they were read', () => {
    let pages = 0;
    for (let id = 2; id * pageSize < file.length; id++) {
      const overflow = file.readUInt32LE(id * pageSize + 12);
      const page = file.subarray(id * pageSize, (id + 1 + overflow) * pageSize);
      const parsed = parsePage(page, id, file.length / pageSize);
      // Free pages may hold anything.
      if (!parsed.ok) continue;
      const node = Node.fromPage(parsed.value);
      const encoded = Buffer.alloc(page.length, 0xff);
      node.encode(0, node.count, encoded, id, parsed.value.span);
      expect(encoded.equals(page), `page ${id}`).toBe(true);
      expect(node.bytes()).toBeLessThanOrEqual(page.length);
      pages++;
    }
    expect(pages).toBeGreaterThan(5);
  });

  it('holds what etcd put there', async () => {
    const content = await contentOfFile(file);
    expect([...content.items.keys()]).toEqual(
      expect.arrayContaining(['alarm', 'auth', 'authRoles', 'authUsers', 'cluster', 'key', 'lease', 'members', 'meta']),
    );
    const records = [...bucketIn(content, 'key').items].map(([key, value]) => [key, String(value)] as const);
    // Twelve puts, a large one, a deletion.
    expect(records.map(([key]) => key.length)).toEqual([...Array<number>(13).fill(17), 18]);
    expect(records[0]?.[1]).toContain(`value 1 ${'x'.repeat(900)}`);
    expect(records[12]?.[1]).toContain('y'.repeat(9000));
    expect(bucketIn(content, 'lease').items.size).toBe(1);
    expect(bucketIn(content, 'meta').items.get('consistent_index')).toHaveLength(8);
    expect(bucketIn(content, 'alarm').items.size).toBe(0);
  });

  it('can be changed, and keeps all else', async () => {
    const before = await contentOfFile(file);
    const disk = await diskWith(file);
    let db = await BoltDb.open(disk, '/data/db');
    const tx = db.beginWrite();
    const meta = (await tx.bucket(bytes('meta'))) ?? expect.fail();
    meta.put(bytes('term'), bytes('12345678'));
    const key = (await tx.bucket(bytes('key'))) ?? expect.fail();
    await key.scan({ from: null, to: null }, (one) => {
      if (one[7] === 5) key.delete(one);
      return true;
    });
    await tx.commit();
    expect(await check(db)).toEqual([]);
    await db.close();
    db = await BoltDb.open(disk, '/data/db');
    expect(await check(db)).toEqual([]);
    const after = await db.read((read) => contentOf(read.root));
    bucketIn(before, 'meta').items.set('term', '12345678');
    bucketIn(before, 'key').items.delete('\0\0\0\0\0\0\0\x05_\0\0\0\0\0\0\0\0');
    expect(after).toEqual(before);
    expect(db.beginRead().meta.freelist).toBeNull();
    await db.close();
  });
});
