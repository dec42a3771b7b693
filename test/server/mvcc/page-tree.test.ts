import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../../../src/server/mvcc/key-index.ts';
import { PageTree } from '../../../src/server/mvcc/page-tree.ts';

/** What the tree holds, read leaf by leaf. */
function contentsOf(tree: PageTree): { key: string; value: number }[] {
  const contents: { key: string; value: number }[] = [];
  for (let leaf = tree.firstLeaf(); leaf !== -1; leaf = tree.next(leaf)) {
    for (let slot = 0; slot < tree.count(leaf); slot++) {
      contents.push({ key: textOf(tree.keyAt(leaf, slot)), value: tree.valueAt(leaf, slot) });
    }
  }
  return contents;
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

function sortedModel(model: Map<string, number>): { key: string; value: number }[] {
  return [...model]
    .map(([key, value]) => ({ key, value }))
    .sort((a, b) => compareKeys(Buffer.from(a.key, 'latin1'), Buffer.from(b.key, 'latin1')));
}

class Tester {
  readonly tree = new PageTree();
  readonly model = new Map<string, number>();
  private nextValue = 1;

  insert(key: Uint8Array): void {
    const text = textOf(key);
    const found = this.tree.locate(key);
    if (!found) this.tree.insertLocated(key, this.nextValue);
    if (found !== this.model.has(text)) throw new Error(`${text} is ${found ? '' : 'not '}in the tree`);
    if (!found) this.model.set(text, this.nextValue++);
    const { leaf, slot } = this.tree;
    if (this.tree.valueAt(leaf, slot) !== this.model.get(text)) throw new Error(`${text} has the value of another`);
    if (compareKeys(this.tree.keyAt(leaf, slot), key) !== 0) throw new Error(`${text} is not where it was put`);
  }

  remove(key: Uint8Array): void {
    const found = this.tree.locate(key);
    if (found !== this.model.delete(textOf(key)))
      throw new Error(`${textOf(key)} is ${found ? '' : 'not '}in the tree`);
    if (found) this.tree.removeLocated();
  }

  check(): void {
    expect(this.tree.size).toBe(this.model.size);
    expect(contentsOf(this.tree)).toEqual(sortedModel(this.model));
  }
}

/** Keys that collide: few letters, shared prefixes, ends with zeros, and some that are too long for a page. */
const keys = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 6, max: 3 }) },
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 12 }) },
  {
    weight: 3,
    arbitrary: fc.nat(2000).map((n) => Buffer.from(`/registry/pods/default/pod-${n}`)),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(3), fc.integer({ min: 250, max: 1500 }))
      .map(([letter, length]) => new Uint8Array(length).fill(97).fill(98 + letter, length - 2)),
  },
);

const commands = fc.array(fc.record({ remove: fc.boolean(), key: keys }), { maxLength: 600 });

describe('the tree of keys', () => {
  it('holds what was inserted and not removed, in the order of the bytes', () => {
    fc.assert(
      fc.property(commands, (steps) => {
        const tester = new Tester();
        for (const { remove, key } of steps) {
          if (remove) tester.remove(key);
          else tester.insert(key);
        }
        tester.check();
      }),
      { numRuns: 150 },
    );
  });

  it('grows and shrinks over several levels', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat(40_000)), fc.boolean(), (numbers, isSequential) => {
        const tester = new Tester();
        const keyOf = (n: number) => Buffer.from(`/registry/${n % 7}/minions/${n}`);
        const taken: Uint8Array[] = [];
        for (let i = 0; i < 8000; i++) {
          const key = keyOf(isSequential ? 10_000 + i : (numbers.next().value ?? 0));
          tester.insert(key);
          taken.push(key);
        }
        tester.check();
        for (const key of taken.slice(0, 7000)) if (tester.model.has(textOf(key))) tester.remove(key);
        tester.check();
        for (const key of taken.slice(0, 500)) tester.insert(key);
        for (const key of taken) if (tester.model.has(textOf(key))) tester.remove(key);
        tester.check();
        expect(tester.tree.bytes).toBeLessThan(100_000);
      }),
      { numRuns: 4 },
    );
  });

  it('finds the place where a key that is not there belongs', () => {
    fc.assert(
      fc.property(fc.uniqueArray(keys, { maxLength: 300, selector: textOf }), keys, (inserted, probe) => {
        const tester = new Tester();
        for (const key of inserted) tester.insert(key);
        const { tree } = tester;
        tree.locate(probe);
        const found: string[] = [];
        let slot = tree.slot;
        for (let leaf = tree.leaf; leaf !== -1; leaf = tree.next(leaf), slot = 0) {
          for (; slot < tree.count(leaf); slot++) found.push(textOf(tree.keyAt(leaf, slot)));
        }
        const expected = sortedModel(tester.model).map(({ key }) => key);
        expect(found).toEqual(expected.filter((key) => compareKeys(Buffer.from(key, 'latin1'), probe) >= 0));
      }),
      { numRuns: 150 },
    );
  });

  it('fills its pages when keys arrive in order', () => {
    const tester = new Tester();
    for (let i = 0; i < 5000; i++) tester.insert(Buffer.from(`/keys/${String(i).padStart(8, '0')}`));
    expect(tester.tree.bytes / 5000).toBeLessThan(40);
  });
});
