import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TimeQueue } from '../../../src/server/lease/time-queue.ts';

const change = fc.record({ id: fc.bigInt(0n, 30n), atMs: fc.option(fc.nat(50), { freq: 4 }) });

it('the queue of leases gives the earliest, whatever was set, moved and deleted', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const queue = new TimeQueue();
      const model = new Map<bigint, number>();
      for (const { id, atMs } of changes) {
        if (atMs === null) {
          queue.delete(id);
          model.delete(id);
        } else {
          queue.set(id, atMs);
          model.set(id, atMs);
        }
        expect(queue.size).toBe(model.size);
        expect(queue.has(id)).toBe(model.has(id));
        const first = queue.first();
        if (first === null) expect(model.size).toBe(0);
        else {
          expect(first.atMs).toBe(Math.min(...model.values()));
          expect(model.get(first.id)).toBe(first.atMs);
        }
      }
      queue.clear();
      expect(queue.first()).toBeNull();
    }),
  );
});
