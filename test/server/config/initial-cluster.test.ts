import { describe, expect, test } from 'vitest';
import { parseCommand } from '../../../src/server/config/command.ts';
import {
  bootstrapProblem,
  initialMembers,
  joinProblem,
  membersText,
} from '../../../src/server/config/initial-cluster.ts';

async function problem(...args: string[]): Promise<string | null> {
  const command = await parseCommand({ program: 'etcd', args, environment: {}, readFile: () => '' });
  if (command.type !== 'run') throw new Error(command.type);
  const members = initialMembers(command.config.initialCluster);
  if (!members.ok) return members.error;
  const resolve = (host: string): Promise<string> =>
    host === 'host.example' ? Promise.resolve('127.0.0.1') : Promise.resolve(host);
  return bootstrapProblem(command.config, members.value, resolve);
}

describe('the initial cluster', () => {
  test('a name may be listed with several URLs', () => {
    const members = initialMembers('b=http://b:1,a=http://a:2,a=http://a:1,');
    expect(members.ok && membersText(members.value)).toBe('a=http://a:1,a=http://a:2,b=http://b:1');
  });

  test.each([
    [
      ['--initial-cluster', 'a=http://127.0.0.1:1'],
      `couldn't find local name "default" in the initial cluster configuration`,
    ],
    [
      ['--initial-cluster', 'foo'],
      'error setting up initial cluster: URL scheme must be http, https, unix, or unixs: ',
    ],
    [
      [
        '--name',
        'm1',
        '--initial-cluster',
        'm1=http://127.0.0.1:2380,m2=http://127.0.0.1:2381',
        '--initial-advertise-peer-urls',
        'http://127.0.0.1:2399',
      ],
      '--initial-cluster has m1=http://127.0.0.1:2380 but missing from --initial-advertise-peer-urls=http://127.0.0.1:2399 (resolved urls: "http://127.0.0.1:2399" != "http://127.0.0.1:2380")',
    ],
    [
      ['--name', 'a', '--initial-cluster', 'a=http://localhost:2380,b=http://localhost:2380'],
      'initial cluster a=http://localhost:2380,b=http://localhost:2380 has duplicate url',
    ],
    [
      [
        '--name',
        'a',
        '--initial-cluster',
        'a=http://1.1.1.1:1,a=http://1.1.1.1:2',
        '--initial-advertise-peer-urls',
        'http://1.1.1.1:1',
      ],
      '--initial-cluster has a=http://1.1.1.1:2 but missing from --initial-advertise-peer-urls=http://1.1.1.1:1 (len(["http://1.1.1.1:1"]) != len(["http://1.1.1.1:1" "http://1.1.1.1:2"]))',
    ],
    [
      [
        '--name',
        'a',
        '--initial-cluster',
        'a=http://127.0.0.1:1',
        '--initial-advertise-peer-urls',
        'http://host.example:1',
      ],
      null,
    ],
    [['--name', 'a'], null],
  ])('%j', async (args, expected) => {
    expect(await problem(...args)).toBe(expected);
  });

  test('who joins needs only its own name', async () => {
    const command = await parseCommand({ program: 'etcd', args: ['--name=a'], environment: {}, readFile: () => '' });
    if (command.type !== 'run') throw new Error(command.type);
    const members = initialMembers('b=http://b:1');
    if (!members.ok) throw new Error(members.error);
    expect(joinProblem(command.config, members.value)).toContain(`couldn't find local name "a"`);
  });
});
