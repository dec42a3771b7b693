import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainEndpoint } from '../../src/base/member-endpoint.ts';
import type { MemberView } from '../../src/supervisor/cluster-health.ts';
import { waitForHealth } from '../../src/supervisor/cluster-health.ts';

let healthy = true;
let looks = 0;
const server = createServer((_, response) => {
  looks++;
  if (looks >= 3) healthy = true;
  response.statusCode = healthy ? 200 : 503;
  response.end(JSON.stringify({ health: String(healthy) }));
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

function member(name: string, state: MemberView['state']): MemberView {
  return { name, endpoint: plainEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), state };
}

describe('the health of a cluster', () => {
  it('is waited for until all members know a leader', async () => {
    healthy = false;
    looks = 0;
    expect(await waitForHealth(() => [member('etcd1', 'running')], 10_000)).toBeNull();
    expect(looks).toBe(3);
  });

  it('is waited for while a member is coming up', async () => {
    let asked = 0;
    const members = () => [member('etcd1', 'running'), member('etcd2', ++asked < 3 ? 'coming' : 'running')];
    expect(await waitForHealth(members, 10_000)).toBeNull();
  });

  it('is given up at once when a member is down, and when the time is over', async () => {
    const down = [member('etcd1', 'running'), member('etcd2', 'over')];
    expect(await waitForHealth(() => down, 60_000)).toBe('etcd2 does not run');
    expect(await waitForHealth(() => [member('etcd1', 'coming')], 0)).toBe('etcd1 does not run');
    expect(await waitForHealth(() => [], 0)).toBeNull();
  });
});
