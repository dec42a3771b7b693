import { createHash } from 'node:crypto';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ok } from '../../../../src/base/result.ts';
import { snapshotResponse } from '../../../../src/proto/etcdserverpb-maintenance.ts';
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

/** A call that answers with many messages; `each` may end it with `false`. */
function streamed(path: string, each: (message: Buffer) => boolean): Promise<void> {
  const same = (value: Buffer) => value;
  return new Promise((done) => {
    const call = raw.makeServerStreamRequest(path, same, same, Buffer.alloc(0));
    call.on('error', () => done());
    call.on('end', done);
    call.on('data', (message: Buffer) => {
      if (!each(message)) call.cancel();
    });
  });
}

describe('a snapshot', () => {
  it('comes in pieces of 32 KiB that say how much is left, and ends with the SHA-256 of it all', async () => {
    const database = Buffer.alloc(100_000, 'page');
    let released = false;
    served.member.snapshot = async () => ({
      bytes: database.length,
      async *chunks() {
        yield database.subarray(0, 70_000);
        yield database.subarray(70_000);
      },
      release: () => {
        released = true;
      },
    });
    const answers: ReturnType<typeof snapshotResponse.decode>[] = [];
    await streamed(
      '/etcdserverpb.Maintenance/Snapshot',
      (message) => answers.push(snapshotResponse.decode(message)) > 0,
    );
    const digest = answers.pop();
    expect(digest).toMatchObject({ remainingBytes: 0, version: '3.6.0' });
    expect(Buffer.from(digest?.blob ?? []).toString('hex')).toBe(createHash('sha256').update(database).digest('hex'));
    expect(Buffer.concat(answers.map(({ blob }) => blob)).equals(database)).toBe(true);
    let left = database.length;
    for (const { blob, remainingBytes } of answers) {
      expect(blob.length).toBeLessThanOrEqual(32 * 1024);
      left -= blob.length;
      expect(remainingBytes).toBe(left);
    }
    expect(served.events).toEqual(['sending 100000 bytes of 3.6.0', 'sent 100000 bytes of 3.6.0']);
    expect(released).toBe(true);
  });
});

describe('the status', () => {
  it('tells of a downgrade that is under way', async () => {
    await client.call('etcdserverpb.Maintenance/Downgrade', { action: 'ENABLE', version: '3.5' });
    expect(await client.call('etcdserverpb.Maintenance/Status', {})).toMatchObject({
      answer: { downgradeInfo: { enabled: true, targetVersion: '3.5.0' } },
    });
  });
});

describe('moving the leader', () => {
  it('fails on a member that does not lead, and for a target that is none', async () => {
    const move = () => client.call('etcdserverpb.Maintenance/MoveLeader', { targetID: 5 });
    expect(await move()).toEqual({ ok: false, code: 9, message: 'etcdserver: bad leader transferee' });
    served.member.leader = 7n;
    expect(await move()).toEqual({ ok: false, code: 9, message: 'etcdserver: not leader' });
  });
});

describe('a defragmentation', () => {
  it('is told of to those who watch the health of the server, if the server stops meanwhile', async () => {
    let finish: () => void = () => {};
    served.member.defragment = () =>
      new Promise((done) => {
        finish = () => done(ok(undefined));
      });
    const statuses: string[] = [];
    await streamed('/grpc.health.v1.Health/Watch', (message) => {
      statuses.push(message.toString('hex'));
      if (statuses.length === 1) void client.call('etcdserverpb.Maintenance/Defragment', {});
      if (statuses.length === 2)
        void client.call('grpc.health.v1.Health/Check', {}).then((answer) => {
          expect(answer).toMatchObject({ answer: { status: 'NOT_SERVING' } });
          finish();
        });
      return statuses.length < 3;
    });
    expect(statuses).toEqual(['0801', '0802', '0801']);
    expect(served.events).toEqual(['defragmenting', 'defragmented']);
  });
});
