import { describe, expect, it } from 'vitest';
import { faultVerbs } from '../../../src/chaos/faults/command.ts';
import { faultFlags, formatMs, parseFault } from '../../../src/chaos/faults/parse.ts';

const words = (line: string) => line.split(' ').filter((word) => word !== '');
const parsed = (line: string) => {
  const command = parseFault(words(line));
  if (!command.ok) throw new Error(command.error);
  return command.value;
};
const refused = (line: string) => {
  const command = parseFault(words(line));
  return command.ok ? 'accepted' : command.error;
};

const partition = { type: 'partition', mode: 'hold', messages: null };

describe('the words of a fault', () => {
  it.each([
    ['kill leader', { type: 'kill', target: 'leader' }],
    ['resume etcd1', { type: 'resume', target: 'etcd1' }],
    ['move-leader', { type: 'move-leader', to: null }],
    ['move-leader etcd2', { type: 'move-leader', to: 'etcd2' }],
    ['partition --isolate=leader', { ...partition, partition: { type: 'isolate', target: 'leader' } }],
    ['partition -isolate leader', { ...partition, partition: { type: 'isolate', target: 'leader' } }],
    ['partition --halves', { ...partition, partition: { type: 'halves', group: null } }],
    ['partition --halves a,b', { ...partition, partition: { type: 'halves', group: ['a', 'b'] } }],
    ['partition --ring --mode drop', { ...partition, mode: 'drop', partition: { type: 'ring' } }],
    ['partition --halves --mode reset', { ...partition, mode: 'reset', partition: { type: 'halves', group: null } }],
    ['partition --ring', { ...partition, partition: { type: 'ring' } }],
    [
      'partition --link a>b,c=d --link e<f',
      {
        ...partition,
        partition: {
          type: 'links',
          links: [
            { from: 'a', to: 'b', bothWays: false },
            { from: 'c', to: 'd', bothWays: true },
            { from: 'f', to: 'e', bothWays: false },
          ],
        },
      },
    ],
    [
      'partition --bridge b --messages MsgApp,MsgSnap',
      { ...partition, partition: { type: 'bridge', target: 'b' }, messages: ['MsgApp', 'MsgSnap'] },
    ],
    ['delay 50ms', { type: 'delay', links: { type: 'all' }, delayMs: 50, jitterMs: 0, messages: null }],
    [
      'delay --member a 1.5s±200ms',
      { type: 'delay', links: { type: 'member', target: 'a' }, delayMs: 1_500, jitterMs: 200, messages: null },
    ],
    ['delay 50ms+-20ms', { type: 'delay', links: { type: 'all' }, delayMs: 50, jitterMs: 20, messages: null }],
    ['loss 5%', { type: 'loss', links: { type: 'all' }, share: 0.05, messages: null }],
    ['disk leader --slow 200ms', { type: 'disk', target: 'leader', slowMs: 200, error: null }],
    ['disk --fail EIO a', { type: 'disk', target: 'a', slowMs: 0, error: 'EIO' }],
    ['heal f1 f2 f1', { type: 'heal', ids: ['f1', 'f2'] }],
    ['heal --all', { type: 'heal', ids: 'all' }],
    ['heal all', { type: 'heal', ids: 'all' }],
    ['list', { type: 'list' }],
  ])('%s', (line, command) => expect(parsed(line)).toEqual(command));

  it.each([
    ['', /^fault needs a verb; there are kill, stop, restart, .*, heal, list$/],
    ['explode', /^fault: there is no explode; there are kill, /],
    ['kill', /^fault kill: say whom: the name of a process, or leader, follower or random$/],
    ['kill a b', /^fault kill: one at a time: a, then b$/],
    ['kill a --force', /^fault kill: there is no --force; it takes no flags$/],
    ['partition', /^fault partition: say how; there are --isolate, --halves, .*--messages$/],
    ['partition leader', /^fault partition: leader: say how with a flag, as in --isolate leader$/],
    ['partition --isolate', /^fault partition: --isolate needs a value$/],
    ['partition --ring=yes', /^fault partition: --ring takes no value$/],
    ['partition --ring --majority', /^fault partition: --ring and --majority are two partitions: /],
    ['partition --isolate a --isolate b', /^fault partition: --isolate is given twice$/],
    ['partition --ring --mode lose', /^fault partition: --mode is hold, drop or reset, not lose$/],
    [
      'partition --link a-b',
      /^fault partition: a-b is no link: write 'etcd1>etcd2' for one direction, etcd1=etcd2 for/,
    ],
    ['partition --link a>a', /^fault partition: a>a: a member has no link to itself$/],
    ['partition --ring --messages app', /^fault partition: --messages takes types of Raft messages such as MsgApp/],
    ['delay', /^fault delay: say how much, as in 50ms or 50ms±20ms$/],
    ['delay soon', /^fault delay: soon is no delay such as 50ms or 50ms±20ms, of 1m0s at most$/],
    ['delay 2m', /^fault delay: 2m is no delay such as/],
    ['delay 0s', /^fault delay: 0s is no delay such as/],
    ['delay 10ms±20ms', /^fault delay: 10ms±20ms: it cannot vary by more than the delay$/],
    ['delay 10ms --member a --link a=b', /^fault delay: --link and --member exclude each other$/],
    ['loss 0%', /^fault loss: 0% is no share of messages such as 5%$/],
    ['loss 101%', /^fault loss: 101% is no share/],
    ['disk a', /^fault disk: say what is wrong with the disk: --slow 200ms, or --fail EIO$/],
    ['disk a --slow never', /^fault disk: --slow never: expected a time such as 200ms/],
    ['disk a --fail EPERM', /^fault disk: --fail EPERM: syncs can fail with EIO, ENOSPC, EDQUOT, EROFS$/],
    ['disk --slow 1s', /^fault disk: say whose disk/],
    ['heal', /^fault heal: say which, as in heal f1, or heal --all$/],
    ['heal --all f1', /^fault heal: --all takes no ids$/],
    ['list all', /^fault list: it takes no words$/],
  ])('%s is refused in words', (line, error) => expect(refused(line)).toMatch(error));

  it('has flags for every verb', () => expect(Object.keys(faultFlags)).toEqual([...faultVerbs]));

  it('writes times as they are typed', () => {
    expect([50, 1_500, 60_000, 0.5].map(formatMs)).toEqual(['50ms', '1.5s', '1m0s', '500µs']);
  });
});
