import { describe, expect, test } from 'vitest';
import {
  type Entry,
  emptyConfState,
  encodeConfChangeV2,
  entryType,
  type Message,
  messageType,
} from '../../src/proto/raftpb.ts';
import { localAppendThread } from '../../src/raft/types.ts';
import { entries, entry } from './harness/entries.ts';
import { Single } from './harness/single.ts';

const trio = [1n, 2n, 3n];

function ofType(messages: readonly Message[], type: number): Message[] {
  return messages.filter((message) => message.type === type);
}

describe('proposals', () => {
  test('made together travel in one message, and are committed in order', () => {
    const single = Single.leading(trio);
    const data = Array.from({ length: 100 }, (_, position) => Buffer.from(`p${position}`));
    expect(single.raw.proposeEntries(data).ok).toBe(true);
    const appends = ofType(single.settle(), messageType.app);
    expect(appends.map((append) => [append.to, append.entries.length])).toEqual([
      [2n, 100],
      [3n, 100],
    ]);
    single.receive(messageType.appResp, 2n, { index: 102 });
    single.settle();
    expect(single.committed()).toEqual(data.map(String));
  });

  test('hand out the same entries to storage, to followers, and to be applied', () => {
    const single = Single.leading(trio);
    single.raw.propose(Buffer.from('x'));
    const ready = single.raw.ready();
    const sent = ofType(ready.messages, messageType.app);
    expect(sent.map((append) => append.entries[0] === ready.entries[0])).toEqual([true, true]);
  });

  test('are dropped by a node without a leader', () => {
    const proposed = new Single(trio).raw.propose(Buffer.from('x'));
    expect(proposed).toEqual({ ok: false, error: { type: 'proposalDropped', message: 'raft proposal dropped' } });
  });

  test('are limited in what is uncommitted, at the limit and one byte beyond', () => {
    const single = Single.leading(trio, { maxUncommittedEntriesSize: 10 });
    expect(single.raw.propose(Buffer.alloc(4)).ok).toBe(true);
    expect(single.raw.propose(Buffer.alloc(6)).ok).toBe(true);
    expect(single.raw.propose(Buffer.alloc(1)).ok).toBe(false);
    single.settle();
    single.receive(messageType.appResp, 2n, { index: 4 });
    single.settle();
    expect(single.raw.propose(Buffer.alloc(11)).ok).toBe(true);
  });

  test('of a malformed membership change are refused, for it would stop everyone who applies it', () => {
    const single = Single.leading(trio);
    const garbage: Entry = { type: entryType.confChange, term: 0, index: 0, data: Buffer.from([0xff]) };
    const unknown = { transition: 0 as const, changes: [{ type: 9 as 0, nodeId: 4n }], context: null }; // from the wire
    const change: Entry = { type: entryType.confChangeV2, term: 0, index: 0, data: encodeConfChangeV2(unknown) };
    for (const bad of [garbage, change]) {
      const result = single.receive(messageType.prop, 2n, { term: 0, entries: [bad] });
      expect(result.ok ? null : result.error.type).toBe('malformedMessage');
    }
    expect(single.raw.hasReady()).toBe(false);
  });
});

describe('committed entries', () => {
  test('are handed out in pages, each after the one before was applied', () => {
    const single = Single.leading([1n], { maxCommittedSizePerReady: 60, maxSizePerMsg: 60 });
    single.raw.proposeEntries(Array.from({ length: 20 }, () => Buffer.alloc(10)));
    const before = single.readies.length;
    single.settle();
    const pages = single.readies.slice(before).map((ready) => ready.committedEntries.length);
    expect(Math.max(...pages)).toBeLessThanOrEqual(4);
    expect(pages.reduce((sum, count) => sum + count)).toBe(20);
  });
});

describe('a follower that lost its log', () => {
  test('is probed once for each heartbeat, not as fast as it rejects', () => {
    const single = Single.leading(trio);
    single.raw.propose(Buffer.from('x'));
    single.settle();
    single.receive(messageType.appResp, 2n, { index: 3 });
    single.receive(messageType.appResp, 3n, { index: 3 });
    single.settle();
    single.raw.propose(Buffer.from('y'));
    const [append] = ofType(single.settle(), messageType.app).filter(({ to }) => to === 3n);
    // Node 3 comes back empty: it rejects whatever comes, at once.
    let answers = append === undefined ? [] : [append];
    let rejected = 0;
    const heartbeats = 20;
    for (let beat = 0; beat < heartbeats; beat++) {
      for (let round = 0; round < 50 && answers.length > 0; round++) {
        for (const { index } of answers) {
          rejected++;
          single.receive(messageType.appResp, 3n, { index, reject: true, rejectHint: 0 });
        }
        answers = ofType(single.settle(), messageType.app).filter(({ to }) => to === 3n);
      }
      single.raw.tick();
      single.settle();
      single.receive(messageType.heartbeatResp, 3n, {});
      answers = ofType(single.settle(), messageType.app).filter(({ to }) => to === 3n);
    }
    expect(rejected).toBeLessThanOrEqual(heartbeats + 2);
    const warnings = single.logger.lines.filter((line) => line.includes('has lost its log'));
    expect(warnings).toEqual([
      '1 got entry 3 rejected by 3, which had acknowledged it [match: 3]: it has lost its log; remove the member and add it again',
    ]);
    // The others go on.
    single.receive(messageType.appResp, 2n, { index: 4 });
    single.settle();
    expect(single.committed()).toEqual(['x', 'y']);
  });

  test('is replicated to again once it has its log back', () => {
    const single = Single.leading(trio);
    single.raw.reportUnreachable(3n);
    single.raw.propose(Buffer.from('x'));
    single.settle();
    single.receive(messageType.appResp, 3n, { index: 2, reject: true, rejectHint: 0 });
    expect(single.settle()).toEqual([]);
    single.receive(messageType.heartbeatResp, 3n, {});
    expect(ofType(single.settle(), messageType.app).map(({ index, entries }) => [index, entries.length])).toEqual([
      [2, 1],
    ]);
    single.receive(messageType.appResp, 3n, { index: 3 });
    expect(single.raw.status().progress.get(3n)?.state).toBe('StateReplicate');
  });
});

describe('messages that no correct peer sends', () => {
  test.each<[string, Partial<Message>, string]>([
    ['of a type that does not exist', { type: 24 as 0 }, 'malformedMessage'],
    ['a proposal of nothing', { type: messageType.prop }, 'malformedMessage'],
    ['a read without a context', { type: messageType.readIndex }, 'malformedMessage'],
    ['an append with a gap', { type: messageType.app, index: 1, entries: [entry(3, 1)] }, 'malformedMessage'],
    [
      'an append with a gap inside',
      { type: messageType.app, index: 1, entries: [entry(2, 1), entry(4, 1)] },
      'malformedMessage',
    ],
    ['a local message', { type: messageType.hup }, 'stepLocalMessage'],
    ['a report from storage', { type: messageType.storageAppendResp }, 'stepLocalMessage'],
    ['a vote of a stranger', { type: messageType.voteResp, from: 9n }, 'peerNotFound'],
  ])('such as %s are refused and change nothing', (_, message, error) => {
    const single = new Single(trio);
    const result = single.receive(messageType.heartbeat, 2n, { term: 7, ...message });
    expect(result.ok ? null : result.error.type).toBe(error);
    expect(single.raw.hasReady()).toBe(false);
  });

  test('may name this node as who is to lead, with a term, without stopping it', () => {
    const single = new Single(trio);
    single.receive(messageType.heartbeat, 2n, { term: 1 });
    single.receive(messageType.transferLeader, 3n, {});
    expect(ofType(single.settle(), messageType.transferLeader).map(({ to, from, term }) => [to, from, term])).toEqual([
      [2n, 3n, 1],
    ]);
  });

  test('may ask to commit what is not there: that stops the node, which has lost its log', () => {
    const single = new Single(trio);
    const lost = 'tocommit(9) is out of range [lastIndex(1)]. Was the raft log corrupted, truncated, or lost?';
    expect(() => single.receive(messageType.heartbeat, 2n, { term: 1, commit: 9 })).toThrow(lost);
  });
});

describe('a new cluster', () => {
  test('starts with one committed membership entry for each member', () => {
    const single = new Single([]);
    single.raw.bootstrap(trio.map((id) => ({ id, context: Buffer.from(`member ${id}`) })));
    single.settle();
    const [first] = single.readies;
    expect(first?.hardState).toEqual({ term: 1, vote: 0n, commit: 3 });
    expect(first?.entries.map(({ type, term, index }) => [type, term, index])).toEqual([
      [entryType.confChange, 1, 1],
      [entryType.confChange, 1, 2],
      [entryType.confChange, 1, 3],
    ]);
    expect(single.readies.flatMap((ready) => ready.committedEntries)).toEqual(first?.entries);
    expect(single.raw.status().configuration.voters.incoming).toEqual(trio);
  });

  test('cannot be started over an existing log', () => {
    expect(() => new Single(trio).raw.bootstrap([{ id: 1n, context: null }])).toThrow('nonempty Storage');
  });
});

describe('a snapshot', () => {
  const confState = { ...emptyConfState, voters: [1n, 2n] };

  test('brings its own configuration, so that changes from before it no longer count', () => {
    const single = new Single(trio);
    single.receive(messageType.snap, 2n, {
      term: 2,
      snapshot: { data: null, metadata: { confState, index: 10, term: 2 } },
    });
    const late = { id: 0n, type: 1 as const, nodeId: 2n, context: null };
    expect(single.raw.applyConfChange({ version: 1, change: late }).voters).toEqual([1n, 2n]);
    single.settle();
    expect(single.raw.applyConfChange({ version: 1, change: late }).voters).toEqual([1n]);
  });

  test('goes before any entry: nothing is handed out to apply until it is stored', () => {
    const single = new Single(trio);
    single.receive(messageType.snap, 2n, {
      term: 2,
      snapshot: { data: null, metadata: { confState, index: 10, term: 2 } },
    });
    single.receive(messageType.app, 2n, { index: 10, logTerm: 2, commit: 12, entries: entries(11, 13, 2) });
    const ready = single.raw.ready();
    expect(ready.snapshot?.metadata.index).toBe(10);
    expect(ready.committedEntries).toEqual([]);
    if (ready.snapshot !== null) single.storage.applySnapshot(ready.snapshot);
    single.storage.append(ready.entries);
    single.raw.advance();
    expect(single.raw.ready().committedEntries.map(({ index }) => index)).toEqual([11, 12]);
  });
});

describe('asynchronous storage writes', () => {
  test('hold back the vote until it is on disk', () => {
    const single = new Single(trio, { asyncStorageWrites: true });
    single.receive(messageType.vote, 2n, { term: 5, logTerm: 1, index: 1 });
    const { messages } = single.raw.ready();
    expect(messages.map(({ to, type }) => [to, type])).toEqual([[localAppendThread, messageType.storageAppend]]);
    expect(messages[0]?.vote).toBe(2n);
    expect(messages[0]?.responses.map(({ to, type, reject }) => [to, type, reject])).toEqual([
      [2n, messageType.voteResp, false],
    ]);
  });

  test('and advance exclude each other', () => {
    expect(() => new Single(trio, { asyncStorageWrites: true }).raw.advance()).toThrow('AsyncStorageWrites');
  });
});

describe('a configuration that makes no sense is refused', () => {
  test.each([
    ['an id of nobody', { id: 0n }, 'cannot use none as id'],
    ['the id of a storage target', { id: localAppendThread }, 'cannot use local target as id'],
    ['no heartbeat', { heartbeatTick: 0 }, 'heartbeat tick must be greater than 0'],
    ['elections as often as heartbeats', { electionTick: 1 }, 'election tick must be greater than heartbeat tick'],
    ['no messages in flight', { maxInflightMsgs: 0 }, 'max inflight messages must be greater than 0'],
    ['a window smaller than a message', { maxInflightBytes: 5, maxSizePerMsg: 6 }, 'max inflight bytes must be >='],
    ['leases without checks', { readOnlyOption: 'leaseBased' as const }, 'CheckQuorum must be enabled'],
  ])('such as %s', (_, settings, message) => {
    expect(() => new Single(trio, settings)).toThrow(message);
  });
});

describe('the status', () => {
  test('shows everyone the basics, and only on the leader the progress of others', () => {
    const leader = Single.leading(trio);
    expect(leader.raw.basicStatus()).toEqual({
      id: 1n,
      term: 1,
      vote: 1n,
      commit: 2,
      lead: 1n,
      raftState: 'StateLeader',
      applied: 2,
      leadTransferee: 0n,
    });
    expect([...leader.raw.status().progress.keys()]).toEqual(trio);
    expect(new Single(trio).raw.status().progress.size).toBe(0);
  });

  test('is a copy that does not change later', () => {
    const leader = Single.leading(trio);
    const before = leader.raw.status().progress.get(2n);
    leader.raw.propose(Buffer.from('x'));
    leader.settle();
    leader.receive(messageType.appResp, 2n, { index: 3 });
    expect(before?.match).toBe(2);
    expect(leader.raw.status().progress.get(2n)?.match).toBe(3);
  });
});
