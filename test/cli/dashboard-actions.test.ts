import { describe, expect, it } from 'vitest';
import { ok } from '../../src/base/result.ts';
import { actOn } from '../../src/cli/dashboard-actions.ts';
import type { ControlRequest } from '../../src/supervisor/control-protocol.ts';

/** What the words come to: an order of the supervisor, or words for faults. */
async function orders(line: string) {
  const requests: ControlRequest[] = [];
  const faults: (readonly string[])[] = [];
  const supervisor = {
    obey: async (request: ControlRequest) => {
      requests.push(request);
      return ok(null);
    },
  };
  const take = async (words: readonly string[]) => {
    faults.push(words);
    return ok('f1: done');
  };
  const result = await actOn(supervisor, take, { words: line.split(' ') });
  return { requests, faults, result };
}

describe('an action of the dashboard', () => {
  it.each([
    ['run stop web', { command: 'stop', names: ['web'] }],
    ['run start web', { command: 'start', names: ['web'] }],
    ['run restart etcd1', { command: 'restart', names: ['etcd1'] }],
    ['run restart-all', { command: 'restart-all', names: [] }],
    ['run restart-all --rolling', { command: 'rolling-restart', names: [] }],
    ['run stop-all', { command: 'stop-all', names: [] }],
    ['run reload', { command: 'reload', names: [] }],
  ])('%s is what the remote control would order', async (line, request) => {
    expect(await orders(line)).toEqual({ requests: [request], faults: [], result: ok('done') });
  });

  it('about faults goes to whom faults are ordered from', async () => {
    expect(await orders('fault kill leader')).toEqual({
      requests: [],
      faults: [['kill', 'leader']],
      result: ok('f1: done'),
    });
  });

  it.each(['exec ls', 'run nonsense', 'status'])('%s is refused', async (line) => {
    const { requests, faults, result } = await orders(line);
    expect([...requests, ...faults]).toEqual([]);
    expect(result).toEqual({ ok: false, error: `there is no command ${line}` });
  });
});
