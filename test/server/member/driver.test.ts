import { describe, expect, it } from 'vitest';
import { type ConfState, emptyConfState, entryType, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { DriverBench, lead } from '../../support/driver-bench.ts';

describe('the driver', () => {
  it('replays the committed log before anything else', () => {
    expect(new DriverBench(1n, [1n, 2n, 3n]).applied.map((entry) => entry.index)).toEqual([1, 2, 3]);
  });

  it('makes one save and one batch of entries of all proposals of a turn', () => {
    const bench = new DriverBench(1n, [1n]);
    lead(bench);
    for (const text of ['a', 'b', 'c']) bench.driver.propose(Buffer.from(text));
    bench.turn();
    expect(bench.saves.map((save) => save.entries.length)).toEqual([3]);
  });

  it('applies nothing before its own save is durable', () => {
    const bench = new DriverBench(1n, [1n]);
    lead(bench);
    const before = bench.applied.length;
    bench.driver.propose(Buffer.from('a'));
    bench.turn();
    expect(bench.applied).toHaveLength(before);
    bench.disk();
    expect(bench.applied).toHaveLength(before + 1);
  });

  it('votes only once the vote is durable', () => {
    const bench = new DriverBench(2n, [1n, 2n, 3n]);
    bench.driver.step(newMessage(messageType.vote, 1n, 2n, { term: 2, logTerm: 1, index: 3 }));
    bench.turn();
    expect(bench.sentOf(messageType.voteResp)).toEqual([]);
    expect(bench.saves.map((save) => [save.mustSync, save.hardState?.vote])).toEqual([[true, 1n]]);
    bench.disk();
    expect(bench.sentOf(messageType.voteResp).map((message) => message.reject)).toEqual([false]);
  });

  it('acknowledges entries only once they are durable, and sends its own on while they are not', () => {
    const bench = new DriverBench(1n, [1n, 2n, 3n]);
    bench.driver.update((node) => node.campaign());
    bench.turn();
    bench.disk();
    bench.driver.step(newMessage(messageType.voteResp, 2n, 1n, { term: 2 }));
    bench.turn();
    // A leader: its empty entry is sent while its own disk still writes it.
    expect(bench.sentOf(messageType.app).map((message) => message.to)).toEqual([2n, 3n]);
    expect(bench.saves).toHaveLength(1);

    const follower = new DriverBench(3n, [1n, 2n, 3n]);
    const append = bench.sentOf(messageType.app).find((message) => message.to === 3n);
    if (append === undefined) throw new Error('nothing was sent to 3');
    follower.driver.step(append);
    follower.turn();
    expect(follower.sentOf(messageType.appResp)).toEqual([]);
    follower.disk();
    expect(follower.sentOf(messageType.appResp).map((message) => message.index)).toEqual([4]);
  });

  it('saves and acknowledges nothing after a snapshot before that is in place', async () => {
    const bench = new DriverBench(3n, [1n, 2n, 3n]);
    const snapshot = { data: null, metadata: { index: 10, term: 2, confState: confStateOf([1n, 2n, 3n]) } };
    bench.driver.step(newMessage(messageType.snap, 1n, 3n, { term: 2, snapshot }));
    bench.turn();
    const entry = { index: 11, term: 2, type: entryType.normal, data: Buffer.from('a') };
    bench.driver.step(
      newMessage(messageType.app, 1n, 3n, { term: 2, index: 10, logTerm: 2, entries: [entry], commit: 11 }),
    );
    bench.turn();
    expect(bench.installs.map((install) => [install.snapshot.metadata.index, install.hardState?.commit])).toEqual([
      [10, 10],
    ]);
    expect(bench.saves).toEqual([]);
    expect(bench.sentOf(messageType.appResp)).toEqual([]);
    bench.installs[0]?.done();
    await Promise.resolve();
    expect(bench.sentOf(messageType.appResp).map((message) => message.index)).toEqual([10]);
    expect(bench.saves.map((save) => save.entries.map(({ index }) => index))).toEqual([[11]]);
    bench.disk();
    expect(bench.sentOf(messageType.appResp).map((message) => message.index)).toEqual([10, 11]);
    bench.turn();
    expect(bench.applied.map(({ index }) => index)).toEqual([1, 2, 3, 11]);
  });

  it('ends when a snapshot cannot be put in place', async () => {
    const bench = new DriverBench(3n, [1n, 2n, 3n]);
    const snapshot = { data: null, metadata: { index: 10, term: 2, confState: confStateOf([1n, 2n, 3n]) } };
    bench.driver.step(newMessage(messageType.snap, 1n, 3n, { term: 2, snapshot }));
    bench.turn();
    bench.installs[0]?.fail(new Error('no space'));
    await Promise.resolve();
    expect(bench.failures.map((error) => error.message)).toEqual(['no space']);
    expect(bench.sentOf(messageType.appResp)).toEqual([]);
  });

  it('does not sync for a commit index alone, and writes it with the next tick', () => {
    const bench = new DriverBench(1n, [1n]);
    lead(bench);
    bench.driver.propose(Buffer.from('a'));
    bench.turn();
    bench.disk();
    expect(bench.saves).toEqual([]);
    bench.driver.tick();
    expect(bench.saves.map((save) => [save.mustSync, save.entries.length, save.hardState?.commit])).toEqual([
      [false, 0, 3],
    ]);
  });

  it('keeps proposals while there is no leader, and gives back those that are taken back', () => {
    const bench = new DriverBench(1n, [1n]);
    bench.driver.propose(Buffer.from('early'));
    const late = Buffer.from('late');
    bench.driver.propose(late);
    bench.turn();
    expect(bench.driver.dropQueued(new Set([late, Buffer.from('unknown')]))).toEqual(new Set([late]));
    lead(bench);
    while (bench.saves.length > 0) bench.disk();
    expect(bench.applied.map((entry) => entry.data?.toString())).toContain('early');
    expect(bench.applied.map((entry) => entry.data?.toString())).not.toContain('late');
  });

  it('stops for good when the disk fails', () => {
    const bench = new DriverBench(1n, [1n]);
    lead(bench);
    const before = bench.applied.length;
    bench.driver.propose(Buffer.from('a'));
    bench.turn();
    bench.disk(new Error('EIO'));
    expect(bench.failures.map((error) => error.message)).toEqual(['EIO']);
    bench.driver.propose(Buffer.from('b'));
    bench.turn();
    expect(bench.saves).toEqual([]);
    expect(bench.applied).toHaveLength(before);
  });
});

function confStateOf(voters: readonly bigint[]): ConfState {
  return { ...emptyConfState, voters };
}
