import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Claim, LeadershipEvent, LeadershipInput } from '../../../src/supervisor/observe/leadership.ts';
import { faultReachMs, leaderOf, noLeadership, stepLeadership } from '../../../src/supervisor/observe/leadership.ts';

const cluster = 'c1';
/** Process a is member 1, and so on. */
const ids: Readonly<Record<string, string>> = { a: '1', b: '2', c: '3', d: '4', e: '5' };

/** `says('b', 3, 'follower', 'a')`: b follows a in term 3. Without a leader it knows of none. */
function says(process: string, term: number, role: Claim['role'], leader: string | null, atMs = 0): LeadershipInput {
  const known = leader === null ? '0' : (ids[leader] ?? leader);
  return { type: 'claim', claim: { process, cluster, member: ids[process] ?? '', term, role, leader: known, atMs } };
}

function run(inputs: readonly LeadershipInput[]): { events: LeadershipEvent[]; leader: string | null } {
  let state = noLeadership;
  const events: LeadershipEvent[] = [];
  for (const input of inputs) {
    const next = stepLeadership(state, input);
    state = next.state;
    events.push(...next.events);
  }
  return { events, leader: leaderOf(state, cluster) };
}

const aLeads = [
  says('b', 1, 'follower', null),
  says('c', 1, 'follower', null),
  says('a', 2, 'leader', 'a', 100),
  says('b', 2, 'follower', 'a', 101),
  says('c', 2, 'follower', 'a', 102),
];

function brief(events: readonly LeadershipEvent[]): string[] {
  return events.map((event) => {
    if (event.type === 'election') return `${event.member} wants ${event.term}`;
    if (event.type === 'leader-lost') return `${event.from} lost in ${event.term}`;
    return `${event.from ?? '-'} → ${event.to} in ${event.term} after ${event.downtimeMs ?? '-'}`;
  });
}

describe('leadership', () => {
  it('begins with a leader that follows nobody', () => {
    const { events, leader } = run([says('a', 1, 'pre-candidate', null), says('a', 2, 'candidate', null), ...aLeads]);
    expect(brief(events)).toEqual(['a wants 2', '- → a in 2 after -']);
    expect(leader).toBe('a');
  });

  it('changes once when the leader is killed; the downtime runs from its end', () => {
    const { events } = run([
      ...aLeads,
      { type: 'exited', process: 'a', atMs: 1_000 },
      says('b', 2, 'pre-candidate', null, 2_000),
      says('b', 3, 'candidate', null, 2_001),
      says('c', 3, 'follower', null, 2_002),
      says('b', 3, 'leader', 'b', 2_003),
      says('c', 3, 'follower', 'b', 2_004),
      { type: 'started', process: 'a' },
      says('a', 2, 'follower', null, 3_000),
      says('a', 3, 'follower', 'b', 3_001),
    ]);
    expect(brief(events).slice(1)).toEqual(['a lost in 2', 'b wants 3', 'a → b in 3 after 1003']);
  });

  it('counts the downtime from the campaign of the new leader if the end of the old one is heard of later', () => {
    const { events } = run([
      ...aLeads,
      says('b', 2, 'pre-candidate', null, 1_000),
      says('b', 3, 'candidate', null, 1_010),
      says('c', 3, 'follower', 'b', 1_030),
      { type: 'exited', process: 'a', atMs: 1_050 },
    ]);
    expect(brief(events).slice(1)).toEqual(['b wants 3', 'a → b in 3 after 20']);
  });

  it('counts the downtime from the fault that the leader was hit by', () => {
    const { events } = run([
      ...aLeads,
      { type: 'fault-injected', id: 'f1', targets: ['a'], atMs: 500 },
      says('b', 2, 'pre-candidate', null, 1_600),
      says('c', 2, 'pre-candidate', null, 1_700),
      says('b', 3, 'leader', 'b', 1_750),
    ]);
    expect(brief(events).slice(1)).toEqual(['b wants 3', 'a lost in 2', 'c wants 3', 'a → b in 3 after 1250']);
  });

  it('blames no fault that is healed, hits another or was long before', () => {
    const hit = (targets: readonly string[], atMs: number): LeadershipInput => ({
      type: 'fault-injected',
      id: 'f1',
      targets,
      atMs,
    });
    const loss = [{ type: 'exited', process: 'a', atMs: 20_000 } as const, says('b', 3, 'leader', 'b', 20_010)];
    for (const faults of [
      [hit(['a'], 19_000), { type: 'fault-healed', id: 'f1' } as const],
      [hit(['b'], 19_000)],
      [hit(['a'], 20_000 - faultReachMs - 1)],
    ]) {
      expect(brief(run([...aLeads, ...faults, ...loss]).events).at(-1)).toBe('a → b in 3 after 10');
    }
  });

  it('does not go back to a leader that was cut off and still believes in itself', () => {
    const { events, leader } = run([
      ...aLeads,
      says('b', 3, 'leader', 'b', 2_000),
      says('c', 3, 'follower', 'b', 2_001),
      says('a', 2, 'leader', 'a', 2_002),
      says('a', 2, 'follower', null, 2_500),
      says('a', 2, 'pre-candidate', null, 2_501),
    ]);
    expect(brief(events).slice(1)).toEqual(['a → b in 3 after 0']);
    expect(leader).toBe('b');
  });

  it('loses a leader that steps down, and not one that a single follower has lost', () => {
    expect(brief(run([...aLeads, says('b', 2, 'follower', null, 900)]).events).slice(1)).toEqual([]);
    const { events, leader } = run([...aLeads, says('a', 2, 'follower', null, 900)]);
    expect(brief(events).slice(1)).toEqual(['a lost in 2']);
    expect(leader).toBeNull();
  });

  it('does not take a leader for lost that the others have yet to hear of', () => {
    const { events } = run([
      says('a', 2, 'leader', 'a'),
      says('b', 2, 'follower', null),
      says('c', 2, 'candidate', null),
      says('b', 2, 'follower', 'a'),
      says('c', 2, 'follower', 'a'),
    ]);
    expect(brief(events).filter((text) => !text.includes('wants'))).toEqual(['- → a in 2 after -']);
    const others = run([says('a', 2, 'candidate', null), says('b', 2, 'follower', 'a'), says('a', 2, 'leader', 'a')]);
    expect(brief(others.events)).toEqual(['a wants 2', '- → a in 2 after -']);
  });

  it('does not take a leader for lost whom others asked votes against before they heard of it', () => {
    // They have voted for a, and are told of its victory a little late; what they say comes later still.
    const { events, leader } = run([
      says('b', 2, 'pre-candidate', null, 205),
      says('a', 2, 'candidate', null, 200),
      says('a', 2, 'leader', 'a', 225),
      says('c', 2, 'pre-candidate', null, 209),
      says('c', 2, 'pre-candidate', null, 229),
      says('b', 2, 'follower', 'a', 231),
      says('c', 2, 'follower', 'a', 231),
    ]);
    expect(brief(events).filter((text) => !text.includes('wants'))).toEqual(['- → a in 2 after -']);
    expect(leader).toBe('a');
  });

  it('takes one for lost that others do not hear since they were restarted', () => {
    const { events } = run([
      ...aLeads,
      ...['b', 'c'].flatMap((name): LeadershipInput[] => [
        { type: 'exited', process: name, atMs: 2_000 },
        { type: 'started', process: name },
        says(name, 2, 'follower', null, 2_100),
        says(name, 2, 'pre-candidate', null, 3_200),
      ]),
    ]);
    expect(
      brief(events)
        .filter((text) => !text.includes('wants'))
        .slice(1),
    ).toEqual(['a lost in 2']);
  });

  it('finds a leader again that was taken for lost and leads on in its term', () => {
    const { events } = run([
      ...aLeads,
      says('b', 2, 'follower', null, 900),
      says('c', 2, 'follower', null, 910),
      says('a', 2, 'leader', 'a', 911),
      says('b', 2, 'follower', 'a', 950),
    ]);
    expect(brief(events).slice(1)).toEqual(['a lost in 2', 'a → a in 2 after 40']);
  });

  it('never finds one again whose process has ended', () => {
    const { events } = run([
      ...aLeads,
      { type: 'exited', process: 'a', atMs: 900 },
      says('a', 2, 'leader', 'a', 901),
      says('b', 2, 'follower', 'a', 902),
      { type: 'started', process: 'a' },
      says('b', 2, 'follower', 'a', 903),
    ]);
    expect(brief(events).slice(1)).toEqual(['a lost in 2']);
  });

  it('says that a leader is lost at once if its end was seen before its election', () => {
    const { events } = run([
      ...aLeads,
      says('b', 2, 'follower', 'a'),
      { type: 'exited', process: 'b', atMs: 300 },
      says('c', 3, 'follower', 'b', 301),
    ]);
    expect(brief(events).slice(1)).toEqual(['a → b in 3 after 0', 'b lost in 3']);
  });

  it('takes no second leader of a term: such a status was read in the middle of a change', () => {
    const { events, leader } = run([...aLeads, says('b', 2, 'follower', 'c', 200), says('b', 3, 'follower', 'c', 201)]);
    expect(brief(events).slice(1)).toEqual(['a → c in 3 after 0']);
    expect(leader).toBe('c');
  });

  it('says an election once for each term that a member wants', () => {
    const { events } = run([
      ...aLeads,
      says('b', 2, 'pre-candidate', null),
      says('b', 2, 'follower', null),
      says('b', 2, 'pre-candidate', null),
      says('b', 3, 'candidate', null),
      says('b', 3, 'pre-candidate', null),
    ]);
    expect(brief(events).slice(1)).toEqual(['b wants 3', 'b wants 4']);
  });

  it('begins anew when all members come back without their data', () => {
    const wiped = ['a', 'b', 'c'].flatMap((process): LeadershipInput[] => [
      { type: 'exited', process, atMs: 900 },
      { type: 'started', process },
      says(process, 1, 'follower', null),
    ]);
    const { events } = run([...aLeads, says('b', 7, 'leader', 'b'), ...wiped, says('c', 2, 'leader', 'c', 1_900)]);
    expect(brief(events).slice(1)).toEqual(['a → b in 7 after 0', 'b lost in 7', '- → c in 2 after -']);
  });

  it('names a leader that is no process of this run by its id', () => {
    expect(brief(run([says('a', 4, 'follower', 'ff')]).events)).toEqual(['- → ff in 4 after -']);
  });

  it('keeps clusters apart', () => {
    const other: LeadershipInput = {
      type: 'claim',
      claim: { process: 'x', cluster: 'c2', member: '9', term: 9, role: 'leader', leader: '9', atMs: 0 },
    };
    const { events, leader } = run([...aLeads, other]);
    expect(brief(events)).toEqual(['- → a in 2 after -', '- → x in 9 after -']);
    expect(leader).toBe('a');
  });
});

/** What members of one cluster live through, each in its own order: in each term a leader or none, joined by some. */
interface History {
  readonly leaders: ReadonlyMap<number, string>;
  readonly streams: readonly (readonly LeadershipInput[])[];
}

const members = ['a', 'b', 'c', 'd', 'e'];

const history: fc.Arbitrary<History> = fc
  .array(
    fc.record({
      leader: fc.option(fc.integer({ min: 0, max: 4 })),
      doings: fc.array(fc.constantFrom('campaign', 'follow', 'lose', 'restart', 'sleep'), {
        minLength: 5,
        maxLength: 15,
      }),
    }),
    { maxLength: 8 },
  )
  .map((terms) => {
    const leaders = new Map<number, string>();
    const streams = members.map((): LeadershipInput[] => []);
    for (const [at, { leader, doings }] of terms.entries()) {
      const term = at + 2;
      const name = leader === null ? null : (members[leader] ?? null);
      if (name !== null) leaders.set(term, name);
      for (const [turn, doing] of doings.entries()) {
        const stream = streams[turn % members.length];
        const member = members[turn % members.length] ?? '';
        const before = stream?.findLast((input) => input.type === 'claim');
        const known = before?.type === 'claim' ? before.claim.term : 1;
        if (stream === undefined || doing === 'sleep') continue;
        if (doing === 'restart') {
          const back = says(member, known, 'follower', null);
          stream.push({ type: 'exited', process: member, atMs: 0 }, { type: 'started', process: member }, back);
        } else if (doing === 'campaign') stream.push(says(member, term, 'candidate', null));
        else if (doing === 'lose' || name === null) stream.push(says(member, term, 'follower', null));
        else stream.push(says(member, term, name === member ? 'leader' : 'follower', name));
      }
    }
    return { leaders, streams };
  });

describe('leadership, of any history delivered in any order', () => {
  it('never goes back, names the right leaders, and pairs losses with leaders', () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), ({ leaders, streams }, choices) => {
        const queues = streams.map((stream) => [...stream]);
        const inputs = members.map(
          (process): LeadershipInput => ({ type: 'identity', process, cluster, member: ids[process] ?? '' }),
        );
        for (const choice of choices) {
          const left = queues.filter((queue) => queue.length > 0);
          const next = left[choice % left.length]?.shift();
          if (next === undefined) break;
          inputs.push(next);
        }
        let term = 0;
        let leading: string | null = null;
        let last: string | null = null;
        for (const event of run(inputs).events) {
          if (event.type === 'election') continue;
          if (event.type === 'leader-lost') {
            expect([event.from, event.term]).toEqual([leading, term]);
            leading = null;
            continue;
          }
          expect(event.to).toBe(leaders.get(event.term));
          expect(event.from).toBe(last);
          if (event.term === term) expect([leading, event.to]).toEqual([null, last]);
          else expect(event.term).toBeGreaterThan(term);
          term = event.term;
          leading = event.to;
          last = event.to;
        }
        const claimed = inputs.flatMap((input) =>
          input.type === 'claim' && input.claim.leader !== '0' ? [input.claim.term] : [],
        );
        expect(term).toBe(Math.max(0, ...claimed));
      }),
      { numRuns: 500 },
    );
  });
});
