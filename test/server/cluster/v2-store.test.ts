import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeV2Store, encodeV2Store, hasV2UserData } from '../../../src/server/cluster/v2-store.ts';

function recorded(name: string): Buffer {
  return readFileSync(new URL(`../../testdata/v2-store/${name}`, import.meta.url));
}

describe('the v2 store of a raft snapshot', () => {
  it.each(['etcd-3.6.5-one-member.json', 'etcd-3.4.23-one-member.json'])(
    'is byte for byte what etcd wrote: %s',
    (name) => {
      const bytes = recorded(name);
      const read = decodeV2Store(bytes);
      if (!read.ok) throw new Error(read.error);
      expect(read.value.members).toHaveLength(1);
      expect(encodeV2Store(read.value).toString()).toBe(bytes.toString());
      expect(hasV2UserData(bytes)).toBe(false);
    },
  );

  const text = fc.string({ unit: 'binary', minLength: 1 }).filter((one) => !/\p{Surrogate}/u.test(one));
  const members = fc.uniqueArray(
    fc.record({
      id: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
      name: text,
      peerUrls: fc.array(text, { minLength: 1 }),
      clientUrls: fc.array(text, { minLength: 1 }),
      isLearner: fc.boolean(),
    }),
    { selector: (member) => member.id, maxLength: 9 },
  );

  it('keeps any membership', () => {
    fc.assert(
      fc.property(
        members,
        fc.uniqueArray(fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }), { maxLength: 5 }),
        fc.option(fc.constantFrom('3.4.0', '3.6.0')),
        (some, removed, version) => {
          const read = decodeV2Store(encodeV2Store({ members: some, removed, version }));
          if (!read.ok) throw new Error(read.error);
          const byId = (a: { id: bigint }, b: { id: bigint }) => (a.id < b.id ? -1 : 1);
          expect([...read.value.members].sort(byId)).toEqual([...some].sort(byId));
          expect(new Set(read.value.removed)).toEqual(new Set(removed));
          expect(read.value.version).toBe(version);
        },
      ),
    );
  });

  it('keeps the last thousand events', () => {
    const removed = Array.from({ length: 1_003 }, (_, index) => BigInt(index + 1));
    const store: unknown = JSON.parse(encodeV2Store({ members: [], removed, version: null }).toString());
    expect(store).toMatchObject({
      CurrentIndex: 1_003,
      WatcherHub: { EventHistory: { Queue: { Size: 1_000, Front: 3, Back: 3 }, StartIndex: 4, LastIndex: 1_003 } },
    });
  });

  it('names what cannot be read', () => {
    const broken = decodeV2Store(
      Buffer.from('{"Root":{"Children":{"0":{"Children":{"members":{"Children":{"x":{}}}}}}}'),
    );
    expect(broken).toMatchObject({ ok: false, error: expect.stringMatching('v2 store') });
  });

  it('finds user data of etcd 2, but not the empty folders of its rights', () => {
    const rights = { Children: { roles: { Children: {} }, enabled: { Children: null, Value: 'false' } } };
    const store = (children: object) => Buffer.from(JSON.stringify({ Root: { Children: children } }));
    expect(hasV2UserData(store({ '1': { Children: {} }, '2': rights }))).toBe(false);
    expect(hasV2UserData(store({ '1': { Children: { foo: { Value: 'bar', Children: null } } } }))).toBe(true);
  });

  it('reads an empty store, which old members may hold', () => {
    expect(decodeV2Store(Buffer.from('{}'))).toEqual({ ok: true, value: { members: [], removed: [], version: null } });
  });
});
