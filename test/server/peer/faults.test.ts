import { afterEach, describe, expect, it } from 'vitest';
import { type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { type FaultVerdict, noFaults, type PeerFaults } from '../../../src/server/peer/faults.ts';
import type { OutgoingSnapshot } from '../../../src/server/peer/snapshot-sender.ts';
import type { PeerTransportOptions } from '../../../src/server/peer/transport.ts';
import { closeAll, connect, connected, startMember, type TestMember, until } from './harness.ts';

afterEach(closeAll);

class TestFaults implements PeerFaults {
  outgoing: (message: Message) => FaultVerdict = noFaults.outgoing;
  incoming: (message: Message) => FaultVerdict = noFaults.incoming;
  isSilent: (peer: bigint) => boolean = noFaults.isSilent;
  isSevered: (peer: bigint) => boolean = noFaults.isSevered;
  take: (message: Message) => boolean = noFaults.take;
}

/** Two that are connected; the faults are those of the first, unless said otherwise. */
async function pair(
  first: Partial<PeerTransportOptions>,
  second: Partial<PeerTransportOptions> = {},
): Promise<readonly [TestMember, TestMember]> {
  const [a, b] = await Promise.all([startMember(0xan, first), startMember(0xbn, second)]);
  connect(a, b);
  await connected(a, b);
  return [a, b];
}

function heartbeat(from: TestMember, to: TestMember, commit: number): Message {
  return newMessage(messageType.heartbeat, from.id, to.id, { term: 2, commit });
}

function snapshotOf(from: TestMember, to: TestMember): OutgoingSnapshot {
  const metadata = {
    index: 5,
    term: 2,
    confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  };
  const message = newMessage(messageType.snap, from.id, to.id, {
    term: 2,
    snapshot: { data: new Uint8Array(), metadata },
  });
  return { message, bytes: 3, database: bytesOf('abc') };
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

describe('messages under faults', () => {
  it('pass, are lost silently or with notice, or are late', async () => {
    const [faults, theirs] = [new TestFaults(), new TestFaults()];
    faults.outgoing = ({ commit }) => (commit === 1 ? 'drop' : commit === 2 ? 30 : commit === 5 ? 'reset' : 'pass');
    theirs.incoming = ({ commit }) => (commit === 3 ? 'drop' : 'pass');
    const [a, b] = await pair({ faults }, { faults: theirs });
    a.transport.send([1, 2, 3, 4].map((commit) => heartbeat(a, b, commit)));
    await until(() => b.received.length === 2);
    expect(b.received.map((message) => message.commit)).toEqual([4, 2]);
    expect(a.unreachable).toEqual([]);
    a.transport.send([heartbeat(a, b, 5)]);
    await until(() => a.unreachable.length === 1);
    faults.outgoing = () => 'pass';
    theirs.incoming = () => 'pass';
    a.transport.send([1, 3].map((commit) => heartbeat(a, b, commit)));
    await until(() => b.received.length === 4);
  });

  it('stay in order when they are late by different times', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.outgoing = ({ commit }) => 45 - 2 * commit;
    const commits = Array.from({ length: 20 }, (_, at) => at + 1);
    for (const commit of commits) a.transport.send([heartbeat(a, b, commit)]);
    await until(() => b.received.length === commits.length);
    expect(b.received.map((message) => message.commit)).toEqual(commits);
  });

  it('can be meant for the faults, and not for Raft', async () => {
    const theirs = new TestFaults();
    theirs.take = ({ commit }) => commit === 1;
    const [a, b] = await pair({}, { faults: theirs });
    a.transport.send([heartbeat(a, b, 1), heartbeat(a, b, 2)]);
    await until(() => b.received.length === 1);
    expect(b.received[0]?.commit).toBe(2);
  });
});

describe('a severed peer', () => {
  it('does not count as connected, and its end is not told until the link is whole', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    expect(a.transport.activeSince(b.id)).not.toBeNull();
    faults.isSilent = () => true;
    faults.isSevered = () => true;
    expect(a.transport.activeSince(b.id)).toBeNull();
    await b.kill();
    await until(() => a.logged.filter((line) => line.startsWith('debug dial stream reader')).length >= 6);
    expect(a.gone).toEqual([]);
    faults.isSilent = () => false;
    await until(() => a.gone.length === 1);
  });
});

describe('a snapshot under faults', () => {
  const saved: number[] = [];
  const snapshots = {
    save: async (message: Message, database: AsyncIterable<Uint8Array>) => {
      for await (const _ of database);
      saved.push(message.snapshot?.metadata.index ?? 0);
    },
  };
  afterEach(() => saved.splice(0));

  it('is not sent over a cut link, and Raft is told', async () => {
    const faults = new TestFaults();
    faults.outgoing = () => 'drop';
    const [a, b] = await pair({ faults }, { snapshots });
    await a.transport.sendSnapshot(snapshotOf(a, b));
    await until(() => a.unreachable.length === 1);
    expect(a.snapshots).toEqual([{ id: b.id, ok: false }]);
    expect(b.received).toEqual([]);
  });

  it('is not taken from a cut link: the sender sees its connection break', async () => {
    const theirs = new TestFaults();
    theirs.incoming = () => 'drop';
    const [a, b] = await pair({}, { snapshots, faults: theirs });
    await a.transport.sendSnapshot(snapshotOf(a, b));
    expect(a.snapshots).toEqual([{ id: b.id, ok: false }]);
    expect([b.received, saved]).toEqual([[], []]);
  });

  it('is thrown away if the link was cut while it came in', async () => {
    const theirs = new TestFaults();
    const slow = {
      save: async (message: Message, database: AsyncIterable<Uint8Array>) => {
        await snapshots.save(message, database);
        theirs.isSilent = () => true;
      },
    };
    const [a, b] = await pair({}, { snapshots: slow, faults: theirs });
    await a.transport.sendSnapshot(snapshotOf(a, b));
    expect(a.snapshots).toEqual([{ id: b.id, ok: false }]);
    expect([b.received, saved]).toEqual([[], [5]]);
  });

  it('comes late over a slow link', async () => {
    const faults = new TestFaults();
    faults.outgoing = () => 30;
    const [a, b] = await pair({ faults }, { snapshots });
    const startMs = performance.now();
    await a.transport.sendSnapshot(snapshotOf(a, b));
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(29);
    expect(a.snapshots).toEqual([{ id: b.id, ok: true }]);
    expect(b.received.map((one) => one.snapshot?.metadata.index)).toEqual([5]);
  });
});
