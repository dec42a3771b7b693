import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeInternalRequest } from '../../../../src/proto/raft-internal.ts';
import { TestClient } from '../../../support/client.ts';
import { type ServedMember, serveFakeMember } from '../../../support/served-member.ts';

let served: ServedMember;
let client: TestClient;
beforeEach(async () => {
  served = await serveFakeMember();
  client = new TestClient(`http://${served.address}`);
});
afterEach(async () => {
  client.close();
  await served.close();
});

const bytes = (method: string) => ({
  path: method,
  requestStream: false,
  responseStream: false,
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
});

/** Calls any path with any bytes; resolves to "code message", or to the answer in hex. */
function callRaw(path: string, message: Buffer): Promise<string> {
  const Raw = makeGenericClientConstructor({}, 'Raw');
  const raw = new Raw(served.address, credentials.createInsecure());
  const method = bytes(path);
  return new Promise((done) => {
    raw.makeUnaryRequest(
      path,
      method.requestSerialize,
      method.responseDeserialize,
      message,
      (error: ServiceError | null, answer?: Buffer) => {
        raw.close();
        done(error === null ? (answer ?? Buffer.alloc(0)).toString('hex') : `${error.code} ${error.details}`);
      },
    );
  });
}

const put = { key: Buffer.from('k'), value: Buffer.from('v') };

describe('a request that does not decode', () => {
  it('fails with INTERNAL and the words of Go', async () => {
    expect(await callRaw('/etcdserverpb.KV/Range', Buffer.from('0a', 'hex'))).toBe(
      '13 grpc: error unmarshalling request: unexpected EOF',
    );
    expect(await callRaw('/etcdserverpb.KV/Put', Buffer.from('0a0561', 'hex'))).toBe(
      '13 grpc: error unmarshalling request: unexpected EOF',
    );
    expect(await callRaw('/etcdserverpb.Maintenance/HashKV', Buffer.from('0a00', 'hex'))).toBe(
      '13 grpc: error unmarshalling request: proto: wrong wireType = 2 for field Revision',
    );
  });
});

describe('methods', () => {
  it('unknown ones are told apart from those of etcd that are not served', async () => {
    expect(await callRaw('/grpc.reflection.v1.ServerReflection/X', Buffer.alloc(0))).toBe(
      '12 unknown service grpc.reflection.v1.ServerReflection',
    );
    expect(await callRaw('/etcdserverpb.KV/Nope', Buffer.alloc(0))).toBe(
      '12 unknown method Nope for service etcdserverpb.KV',
    );
    expect(await callRaw('/v3lockpb.Lock/Lock', Buffer.alloc(0))).toBe(
      "12 clusterctl's etcd does not serve v3lockpb.Lock/Lock in this version",
    );
  });
});

describe('a put', () => {
  it('reaches the log with the bytes that the client sent, unknown fields and all', async () => {
    const raw = Buffer.from('12017a0a016bfa0101ff', 'hex'); // value before key, and field 31
    await callRaw('/etcdserverpb.KV/Put', raw);
    const entry = served.member.proposed[0] ?? Buffer.alloc(0);
    expect(entry.includes(raw)).toBe(true);
    expect(decodeInternalRequest(entry).body).toMatchObject({ type: 'put', request: { key: Buffer.from('k') } });
  });

  it('is refused by a learner', async () => {
    served.member.learner = true;
    expect(await client.call('etcdserverpb.KV/Put', put)).toEqual({
      ok: false,
      code: 9,
      message: 'etcdserver: rpc not supported for learner',
    });
  });

  it('is malformed before it is refused by a learner', async () => {
    served.member.learner = true;
    expect(await callRaw('/etcdserverpb.KV/Put', Buffer.from('0a', 'hex'))).toMatch(/^13 /);
  });
});

describe('a learner', () => {
  it('answers Status and serializable reads, and nothing else', async () => {
    served.member.learner = true;
    expect((await client.get('k', true)).ok).toBe(true);
    expect((await client.call('etcdserverpb.Maintenance/Status', {})).ok).toBe(true);
    for (const method of ['KV/Range', 'KV/Txn', 'Cluster/MemberList', 'Maintenance/HashKV'])
      expect(await client.call(`etcdserverpb.${method}`, { key: Buffer.from('k') })).toMatchObject({ code: 9 });
    expect(await client.call('grpc.health.v1.Health/Check', {})).toMatchObject({ code: 9 });
  });
});

describe('without a leader', () => {
  it('a client that requires one is told at once; others wait', async () => {
    served.member.leader = 0n;
    const metadata = { hasleader: 'true' };
    const key = { key: Buffer.from('k') };
    expect(await client.call('etcdserverpb.KV/Range', key, { metadata })).toEqual({
      ok: false,
      code: 14,
      message: 'etcdserver: no leader',
    });
    expect(await client.get('k')).toMatchObject({ code: 14, message: 'etcdserver: request timed out' });
    expect((await client.get('k', true)).ok).toBe(true);
  });

  it('Status says so', async () => {
    served.member.leader = 0n;
    const status = await client.call('etcdserverpb.Maintenance/Status', {});
    expect(status).toMatchObject({ ok: true, answer: { leader: '0', errors: ['etcdserver: no leader'] } });
  });
});

describe('alarms', () => {
  const activate = { action: 'ACTIVATE', memberID: '5', alarm: 'NOSPACE' };

  it('go through the log and show in Status as text', async () => {
    expect((await client.call('etcdserverpb.Maintenance/Alarm', activate)).ok).toBe(true);
    expect(await client.call('etcdserverpb.Maintenance/Status', {})).toMatchObject({
      answer: { errors: ['memberID:5 alarm:NOSPACE '] },
    });
  });

  it('an action that would end the process of a real member is refused before the log', async () => {
    expect(await client.call('etcdserverpb.Maintenance/Alarm', { action: 7 })).toEqual({
      ok: false,
      code: 3,
      message: 'etcdserver: unknown alarm action 7',
    });
    expect(served.member.proposed).toEqual([]);
  });
});

describe('a transaction that only reads', () => {
  it('does not touch the log', async () => {
    await client.call('etcdserverpb.KV/Txn', { success: [{ request_range: { key: Buffer.from('k') } }] });
    expect(served.member.proposed).toEqual([]);
  });
});

describe('the health service', () => {
  it('watches the whole server with one message, and knows no other', async () => {
    const Raw = makeGenericClientConstructor({}, 'Raw');
    const raw = new Raw(served.address, credentials.createInsecure());
    const watch = (request: Buffer): Promise<string> =>
      new Promise((done) => {
        const method = bytes('/grpc.health.v1.Health/Watch');
        const call = raw.makeServerStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
        );
        call.on('error', () => {});
        call.on('data', (message: Buffer) => {
          call.cancel();
          done(message.toString('hex'));
        });
      });
    expect(await watch(Buffer.alloc(0))).toBe('0801'); // SERVING
    expect(await watch(Buffer.from('0a0178', 'hex'))).toBe('0803'); // SERVICE_UNKNOWN
    raw.close();
  });
});

describe('calls are counted', () => {
  it('by type and client version', async () => {
    await client.get('k');
    await client.call('etcdserverpb.KV/Range', put, { metadata: { 'client-api-version': '3.6.5' } });
    expect(served.counted).toEqual(['unary unknown', 'unary 3.6.5']);
  });
});
