import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFault } from '../../../src/chaos/faults/parse.ts';
import { type FaultPlan, planFault } from '../../../src/chaos/faults/plan.ts';
import type { ProcessView } from '../../../src/chaos/faults/view.ts';

const lowest = { below: () => 0 };

function member(
  name: string,
  changes: Partial<ProcessView> & { leads?: boolean; cluster?: string | null } = {},
): ProcessView {
  const { leads = false, cluster = 'c1', ...rest } = changes;
  return { name, state: 'running', paused: false, member: { cluster, leads }, ...rest };
}

const web: ProcessView = { name: 'web', state: 'running', paused: false, member: null };
/** etcd2 leads. */
const three = [member('etcd1'), member('etcd2', { leads: true }), member('etcd3'), web];
const five = ['a', 'b', 'c', 'd', 'e'].map((name) => member(name, { leads: name === 'c' }));

function plan(line: string, processes: readonly ProcessView[] = three): FaultPlan | string {
  const command = parseFault(line.split(' '));
  if (!command.ok) return command.error;
  const { value } = command;
  if (value.type === 'heal' || value.type === 'list' || value.type === 'resume') return 'no plan';
  const planned = planFault(value, processes, lowest);
  return planned.ok ? planned.value : planned.error;
}

/** `from>to` of all links that are cut. */
function cuts(line: string, processes: readonly ProcessView[] = three): readonly string[] | string {
  const planned = plan(line, processes);
  if (typeof planned === 'string') return planned;
  if (planned.effect.type !== 'links') return 'no links';
  return planned.effect.rules.map(({ from, to }) => `${from}>${to}`).sort();
}

describe('who is meant', () => {
  it.each([
    ['kill leader', 'kill etcd2'],
    ['kill follower', 'kill etcd1'],
    ['kill random', 'kill etcd1'],
    ['kill web', 'kill web'],
    ['pause etcd3', 'pause etcd3'],
    ['move-leader', 'move-leader etcd1'],
    ['move-leader etcd3', 'move-leader etcd3'],
  ])('%s is %s', (line, command) => {
    const planned = plan(line);
    expect(typeof planned === 'string' ? planned : planned.command).toBe(command);
  });

  it('is a process called leader, if there is one', () => {
    const planned = plan('kill leader', [...three, { ...web, name: 'leader' }]);
    expect(planned).toMatchObject({ command: 'kill leader', effect: { type: 'kill', name: 'leader' } });
  });

  it.each([
    ['kill nobody', 'there is no process nobody (processes: etcd1, etcd2, etcd3, web; or leader, follower, random)'],
    ['partition --isolate web', 'web is no etcd (etcds: etcd1, etcd2, etcd3)'],
    ['move-leader etcd2', 'etcd2 leads already'],
    ['partition --link leader=etcd2', 'leader and etcd2 are both etcd2: a member has no link to itself'],
    ['partition --ring', 'a ring needs four members or more: in a smaller one everybody is a neighbour'],
    ['partition --halves etcd1,etcd2,etcd3', 'both halves need a member'],
  ])('%s is refused', (line, error) => expect(plan(line)).toBe(error));

  it('depends on who runs', () => {
    const noLeader = three.map((one) => (one.name === 'etcd2' ? member('etcd2', { paused: true }) : one));
    expect(plan('kill leader', noLeader)).toBe('no member leads now: wait for an election, or name a member');
    expect(plan('pause etcd2', noLeader)).toBe('etcd2 is paused already');
    const down = [member('etcd1', { state: 'stopped' }), member('etcd2', { leads: true })];
    expect(plan('kill etcd1', down)).toBe('etcd1 does not run');
    expect(plan('move-leader etcd1', down)).toBe('etcd1 does not run');
    expect(plan('move-leader', down)).toBe('etcd2 is the only member that runs');
    expect(plan('kill random', [web])).toBe('no process is an etcd');
    // It is paused or starting: who it belongs to it cannot say.
    const silent = three.map((one) => (one.name === 'etcd3' ? member('etcd3', { paused: true, cluster: null }) : one));
    expect(cuts('partition --isolate etcd3', silent)).toHaveLength(4);
    expect(cuts('partition --isolate etcd1', silent)).toHaveLength(4);
    expect(plan('partition --isolate etcd1', [member('etcd1')])).toBe('a cluster of one member has no links');
  });

  it('has to be said where there are two clusters', () => {
    const two = [...three, member('other1', { cluster: 'c2', leads: true }), member('other2', { cluster: 'c2' })];
    expect(plan('kill leader', two)).toBe('there are 2 clusters: name the members');
    expect(plan('partition --halves', two)).toBe('there are 2 clusters: name the members');
    expect(cuts('partition --isolate other1', two)).toEqual(['other1>other2', 'other2>other1']);
    expect(plan('partition --link etcd1=other1', two)).toBe('etcd1 and other1 are members of two clusters');
    expect(plan('move-leader other2', two)).toMatchObject({ text: 'other1 hands leadership to other2' });
  });

  it('counts a member that was never seen to the only cluster', () => {
    const young = [member('etcd1', { leads: true }), member('etcd2', { cluster: null, state: 'stopped' })];
    expect(cuts('partition --isolate leader', young)).toEqual(['etcd1>etcd2', 'etcd2>etcd1']);
  });
});

describe('what a partition cuts', () => {
  it.each([
    ['--isolate etcd1', ['etcd1>etcd2', 'etcd1>etcd3', 'etcd2>etcd1', 'etcd3>etcd1']],
    ['--link etcd1>etcd2', ['etcd1>etcd2']],
    ['--link leader=etcd1', ['etcd1>etcd2', 'etcd2>etcd1']],
    ['--bridge etcd2', ['etcd1>etcd3', 'etcd3>etcd1']],
    ['--halves', ['etcd1>etcd3', 'etcd2>etcd3', 'etcd3>etcd1', 'etcd3>etcd2']],
    ['--leader-outbound', ['etcd2>etcd1', 'etcd2>etcd3']],
    ['--leader-inbound', ['etcd1>etcd2', 'etcd3>etcd2']],
    ['--majority', ['etcd1>etcd3', 'etcd2>etcd3', 'etcd3>etcd1', 'etcd3>etcd2']],
    ['--minority', ['etcd1>etcd2', 'etcd2>etcd1', 'etcd2>etcd3', 'etcd3>etcd2']],
  ])('of three members with %s', (flags, links) => expect(cuts(`partition ${flags}`)).toEqual(links));

  it('of five: a ring leaves each two neighbours, a bridge connects two halves', () => {
    expect(cuts('partition --ring', five)).toEqual(
      ['a>c', 'a>d', 'b>d', 'b>e', 'c>e', 'c>a', 'd>a', 'd>b', 'e>b', 'e>c'].sort(),
    );
    expect(cuts('partition --bridge c', five)).toEqual(['a>d', 'a>e', 'b>d', 'b>e', 'd>a', 'd>b', 'e>a', 'e>b'].sort());
    expect(plan('partition --minority', five)).toMatchObject({
      command: 'partition --halves a,c',
      text: 'a, c and b, d, e do not hear each other',
    });
  });

  it('is said in words, and in those that inject the same', () => {
    expect(plan('partition --isolate leader --mode reset')).toMatchObject({
      command: 'partition --isolate etcd2 --mode reset',
      text: 'etcd2 is cut off from etcd1, etcd3',
      targets: ['etcd2'],
    });
    expect(plan('partition --link leader>follower,etcd1=etcd3 --messages MsgApp')).toMatchObject({
      command: "partition --link 'etcd2>etcd1,etcd1=etcd3' --messages MsgApp",
      text: 'cut: etcd2 to etcd1, etcd1 and etcd3 (MsgApp only)',
      targets: ['etcd2', 'etcd1', 'etcd3'],
    });
    expect(plan('partition --leader-outbound')).toMatchObject({
      command: "partition --link 'etcd2>etcd1,etcd2>etcd3'",
      text: 'etcd2 is not heard by etcd1, etcd3',
    });
    expect(plan('delay 50ms±20ms --member leader')).toMatchObject({
      command: 'delay 50ms±20ms --member etcd2',
      text: 'all links of etcd2: late by 50ms±20ms',
    });
    expect(plan('loss 2.5%')).toMatchObject({ command: 'loss 2.5%', text: 'all links: losing 2.5% of all messages' });
    expect(plan('disk leader --slow 200ms --fail EIO')).toMatchObject({
      command: 'disk --slow 200ms --fail EIO etcd2',
      text: 'syncs of etcd2 take 200ms longer and fail with EIO',
    });
  });

  it('is the same when the words of the plan are used again, whoever leads then', () => {
    const shapes = [
      '--isolate leader',
      '--isolate follower',
      '--halves',
      '--halves c,a',
      '--bridge leader',
      '--ring',
      '--link leader>a,b=e',
      '--leader-outbound',
      '--leader-inbound',
      '--majority',
      '--minority',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...shapes), fc.constantFrom('a', 'd', 'e'), (shape, next) => {
        const first = plan(
          `partition ${shape}`,
          five.map((one) => (shape.includes('leader>a') && one.name === 'a' ? member('a') : one)),
        );
        if (typeof first === 'string') throw new Error(first);
        const later = five.map(({ name }) => member(name, { leads: name === next }));
        const again = plan(first.command.replaceAll("'", ''), later);
        if (typeof again === 'string') throw new Error(again);
        const linksOf = ({ effect }: FaultPlan) =>
          (effect.type === 'links' ? effect.rules : []).map(({ from, to }) => `${from}>${to}`).sort();
        expect(linksOf(again)).toEqual(linksOf(first));
      }),
    );
  });
});
