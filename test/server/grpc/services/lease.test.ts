import { Client, type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ok, type Result } from '../../../../src/base/result.ts';
import { leaseKeepAliveRequest, leaseKeepAliveResponse } from '../../../../src/proto/etcdserverpb-lease.ts';
import { decodeInternalRequest } from '../../../../src/proto/raft-internal.ts';
import type { RpcError } from '../../../../src/server/grpc/status.ts';
import { TestClient } from '../../../support/client.ts';
import { type ServedMember, serveFakeMember } from '../../../support/served-member.ts';

let served: ServedMember;
let client: TestClient;
let raw: Client;
beforeEach(async () => {
  served = await serveFakeMember();
  client = new TestClient(`http://${served.address}`);
  raw = new Client(served.address, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  raw.close();
  await served.close();
});

interface KeepAlive {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  /** "id ttl" each. */
  readonly answers: readonly string[];
  /** How it ended: "ok", or the code and the text. */
  readonly ended: Promise<string>;
}

function keepAlive(): KeepAlive {
  const same = (value: Buffer) => value;
  const stream = raw.makeBidiStreamRequest('/etcdserverpb.Lease/LeaseKeepAlive', same, same);
  const answers: string[] = [];
  stream.on('data', (message: Buffer) => {
    const { id, ttl } = leaseKeepAliveResponse.decode(message);
    answers.push(`${id} ${ttl}`);
  });
  const ended = new Promise<string>((done) => {
    stream.on('end', () => done('ok'));
    stream.on('error', ({ code, details }: ServiceError) => done(`${code} ${details}`));
  });
  return { stream, answers, ended };
}

const renewal = (id: bigint) => leaseKeepAliveRequest.encode({ id }) as Buffer;

describe('a grant', () => {
  it('without an id gets one of this member, positive and never the same', async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const granted = await client.call('etcdserverpb.Lease/LeaseGrant', { TTL: 60 });
      if (granted.ok) ids.add(String(granted.answer['ID']));
    }
    expect(ids.size).toBe(3);
    for (const id of ids) expect(BigInt(id)).toBeGreaterThan(0n);
    const proposed = served.member.proposed.map((entry) => decodeInternalRequest(entry).body);
    expect(proposed.map((body) => (body.type === 'leaseGrant' ? String(body.request.id) : ''))).toEqual([...ids]);
  });

  it('that the quota has no room for raises the alarm and is refused', async () => {
    served.member.databaseBytes = 2 ** 31;
    const noSpace = { ok: false, code: 8, message: 'etcdserver: mvcc: database space exceeded' };
    expect(await client.call('etcdserverpb.Lease/LeaseGrant', { TTL: 60 })).toEqual(noSpace);
    expect(served.member.alarms()).toHaveLength(1);
    served.member.databaseBytes = 0;
    expect(await client.call('etcdserverpb.Lease/LeaseGrant', { TTL: 60 })).toEqual(noSpace);
  });

  it('of more time than a number holds is too large, not a mistake', async () => {
    expect(await client.call('etcdserverpb.Lease/LeaseGrant', { TTL: '9223372036854775807' })).toMatchObject({
      message: 'etcdserver: too large lease TTL',
    });
    expect(await client.call('etcdserverpb.Lease/LeaseGrant', { TTL: '-9223372036854775808', ID: 5 })).toMatchObject({
      answer: { ID: '5', TTL: '2' },
    });
  });
});

describe('the list of leases', () => {
  it('begins with those that end first', async () => {
    for (const [ID, TTL] of [
      [1, 90],
      [2, 30],
      [3, 60],
    ])
      await client.call('etcdserverpb.Lease/LeaseGrant', { ID, TTL });
    expect(await client.call('etcdserverpb.Lease/LeaseLeases', {})).toMatchObject({
      answer: { leases: [{ ID: '2' }, { ID: '3' }, { ID: '1' }] },
    });
  });
});

describe('a stream of renewals', () => {
  it('answers many at once in their order, and ends when its client does', async () => {
    await client.call('etcdserverpb.Lease/LeaseGrant', { ID: 7, TTL: 60 });
    const { stream, answers, ended } = keepAlive();
    for (let i = 0; i < 200; i++) stream.write(renewal(i % 2 === 0 ? 7n : 8n));
    stream.end();
    expect(await ended).toBe('ok');
    expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? '7 60' : '8 0')));
  });

  it('takes them one after another if the leader is asked, and answers the last after its client has ended', async () => {
    const waiting: ((outcome: Result<number | null, RpcError>) => void)[] = [];
    served.member.leases.renew = (_id, _isWanted, done) => {
      waiting.push(done);
    };
    const { stream, answers, ended } = keepAlive();
    for (const id of [1n, 2n, 3n]) stream.write(renewal(id));
    stream.end();
    for (const ttl of [10, 20, 30]) {
      await expect.poll(() => waiting.length).toBe(1);
      waiting.pop()?.(ok(ttl));
    }
    expect(await ended).toBe('ok');
    expect(answers).toEqual(['1 10', '2 20', '3 30']);
  });

  it('ends with the error of a renewal that failed', async () => {
    served.member.leader = 0n;
    served.member.leases.leaderChanged();
    served.member.leases.renew = (_id, _isWanted, done) => {
      done({ ok: false, error: { code: 14, message: 'etcdserver: no leader' } });
    };
    const { stream, ended } = keepAlive();
    stream.write(renewal(1n));
    expect(await ended).toBe('14 etcdserver: no leader');
  });

  it('gives up a renewal that nobody waits for any more', async () => {
    let isWanted: (() => boolean) | null = null;
    served.member.leases.renew = (_id, wanted) => {
      isWanted = wanted;
    };
    const { stream } = keepAlive();
    stream.write(renewal(1n));
    await expect.poll(() => isWanted?.()).toBe(true);
    stream.cancel();
    await expect.poll(() => isWanted?.()).toBe(false);
  });

  it('ends with what does not decode, and is refused by a learner', async () => {
    const broken = keepAlive();
    broken.stream.write(Buffer.from('08', 'hex'));
    expect(await broken.ended).toBe('13 grpc: error unmarshalling request: unexpected EOF');
    served.member.learner = true;
    const refused = keepAlive();
    refused.stream.write(renewal(1n));
    expect(await refused.ended).toBe('9 etcdserver: rpc not supported for learner');
  });
});
