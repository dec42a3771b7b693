import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allVoters, jointVote } from '../../src/raft/quorum/joint.ts';
import { majorityIndex, majorityVote, type VoteResult } from '../../src/raft/quorum/majority.ts';
import { countedIndex } from './harness/quorum-commands.ts';

const voters = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: 7n }), { maxLength: 7 })
  .map((ids) => [...ids].sort((a, b) => Number(a - b)));
const acked = fc
  .array(fc.tuple(fc.bigInt({ min: 1n, max: 7n }), fc.integer({ min: 0, max: 12 })), { maxLength: 7 })
  .map((pairs) => new Map(pairs));
const votes = fc
  .array(fc.tuple(fc.bigInt({ min: 1n, max: 7n }), fc.boolean()), { maxLength: 5 })
  .map((pairs) => new Map(pairs));

function strictMajority(ids: readonly bigint[], yes: ReadonlyMap<bigint, boolean>): boolean {
  return ids.length === 0 || ids.filter((id) => yes.get(id) === true).length * 2 > ids.length;
}

/** Won if every way to cast the missing votes wins, lost if none does. */
function byExhaustion(halves: readonly (readonly bigint[])[], cast: ReadonlyMap<bigint, boolean>): VoteResult {
  const missing = [...new Set(halves.flat())].filter((id) => !cast.has(id));
  let wins = 0;
  for (let bits = 0; bits < 2 ** missing.length; bits++) {
    const all = new Map(cast);
    missing.forEach((id, position) => {
      all.set(id, ((bits >> position) & 1) === 1);
    });
    if (halves.every((half) => strictMajority(half, all))) wins++;
  }
  if (wins === 2 ** missing.length) return 'won';
  return wins === 0 ? 'lost' : 'pending';
}

describe('a majority quorum', () => {
  test('commits the largest index that more than half have reached', () => {
    fc.assert(
      fc.property(voters, acked, (ids, indexes) => {
        const scratch = ids.map((id) => indexes.get(id) ?? 0);
        expect(majorityIndex(scratch)).toBe(countedIndex(ids, indexes));
      }),
    );
  });

  test('has an outcome as soon as the missing votes cannot change it', () => {
    fc.assert(fc.property(voters, votes, (ids, cast) => majorityVote(ids, cast) === byExhaustion([ids], cast)));
  });

  test('without voters commits everything and wins', () => {
    expect(majorityIndex([])).toBe(Number.POSITIVE_INFINITY);
    expect(majorityVote([], new Map())).toBe('won');
  });
});

describe('a joint quorum', () => {
  test('agrees with counting both halves over all ways to cast the missing votes', () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
        const brute = byExhaustion([incoming, outgoing], cast);
        const result = jointVote({ incoming, outgoing }, cast);
        // Two halves that share voters can be lost or won together earlier than either alone shows.
        expect(result === brute || result === 'pending').toBe(true);
        if (!incoming.some((id) => outgoing.includes(id))) expect(result).toBe(brute);
      }),
    );
  });

  test('needs a majority of each half', () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
        const won = strictMajority(incoming, cast) && strictMajority(outgoing, cast);
        expect(jointVote({ incoming, outgoing }, cast) === 'won').toBe(won);
      }),
    );
  });

  test('is the same whichever half is which', () => {
    fc.assert(
      fc.property(voters, voters, votes, (incoming, outgoing, cast) => {
        const swapped = { incoming: outgoing, outgoing: incoming };
        expect(jointVote({ incoming, outgoing }, cast)).toBe(jointVote(swapped, cast));
      }),
    );
  });

  test('lists every voter once, in order', () => {
    fc.assert(
      fc.property(voters, voters, (incoming, outgoing) => {
        const all = allVoters({ incoming, outgoing });
        expect(new Set(all)).toEqual(new Set([...incoming, ...outgoing]));
        expect(all.every((id, position) => position === 0 || (all[position - 1] ?? 0n) < id)).toBe(true);
      }),
    );
  });
});
