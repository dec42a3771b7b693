import { afterEach, describe, expect, it } from 'vitest';
import type { CutMode } from '../../../src/base/admin-protocol.ts';
import { type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { type FaultVerdict, noFaults, type PeerFaults } from '../../../src/server/peer/faults.ts';
import { dialTimeoutMs, heldBytesMax, heldMessagesMax } from '../../../src/server/peer/limits.ts';
import type { OutgoingSnapshot } from '../../../src/server/peer/snapshot-sender.ts';
import type { PeerTransportOptions } from '../../../src/server/peer/transport.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { closeAll, connect, connected, startMember, type TestMember, until } from './harness.ts';

afterEach(closeAll);

class TestFaults implements PeerFaults {
  outgoing: (message: Message) => FaultVerdict = noFaults.outgoing;
  incoming: (message: Message) => FaultVerdict = noFaults.incoming;
  cutOf: PeerFaults['cutOf'] = noFaults.cutOf;
  isSilent: (peer: bigint) => boolean = noFaults.isSilent;
  isSevered: (peer: bigint) => boolean = noFaults.isSevered;
  take: (message: Message) => boolean = noFaults.take;
  private listener = () => {};

  watch(listener: () => void): void {
    this.listener = listener;
  }

  /** Cuts both directions, some messages or all; null heals. */
  cut(mode: CutMode | null, isAbout: (message: Message) => boolean = () => true): void {
    this.outgoing = (message) => (isAbout(message) ? (mode ?? 'pass') : 'pass');
    this.incoming = this.outgoing;
    this.cutOf = (_, message) => (isAbout(message) ? mode : null);
    this.listener();
  }
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

describe('messages that a cut holds', () => {
  it('arrive in order after the heal, before those that are sent then', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.cut('hold');
    const commits = Array.from({ length: 1_000 }, (_, at) => at);
    for (const commit of commits) a.transport.send([heartbeat(a, b, commit)]);
    expect(a.transport.held(b.id)).toMatchObject({ outHeld: 1_000, outLate: 0 });
    expect(b.received).toEqual([]);
    faults.cut(null);
    a.transport.send([heartbeat(a, b, 1_000)]);
    await until(() => b.received.length === 1_001);
    expect(b.received.map(({ commit }) => commit)).toEqual([...commits, 1_000]);
    expect(a.transport.held(b.id)).toMatchObject({ outHeld: 0, outLate: 1_000, outOverflowed: 0 });
    expect(a.unreachable).toEqual([]);
  });

  it('wait at the receiving end too, whatever becomes of their sender', async () => {
    const theirs = new TestFaults();
    const [a, b] = await pair({}, { faults: theirs });
    theirs.cut('hold');
    a.transport.send([1, 2].map((commit) => heartbeat(a, b, commit)));
    await until(() => b.transport.held(a.id).inHeld === 2);
    await a.kill();
    theirs.cut(null);
    expect(b.received.map(({ commit }) => commit)).toEqual([1, 2]);
    expect(b.transport.held(a.id)).toMatchObject({ inHeld: 0, inLate: 2 });
  });

  it('of some types let the others pass', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.cut('hold', ({ commit }) => commit < 3);
    for (const commit of [1, 2, 3]) a.transport.send([heartbeat(a, b, commit)]);
    await until(() => b.received.length === 1);
    faults.cut('hold', ({ commit }) => commit < 2);
    await until(() => b.received.length === 2);
    faults.cut(null);
    await until(() => b.received.length === 3);
    expect(b.received.map(({ commit }) => commit)).toEqual([3, 2, 1]);
  });

  it('are lost when the cut becomes one that loses, with notice if it resets', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.cut('hold');
    a.transport.send([heartbeat(a, b, 1)]);
    faults.cut('drop');
    expect(a.transport.held(b.id).outHeld).toBe(0);
    faults.cut('hold');
    a.transport.send([heartbeat(a, b, 2)]);
    await new Promise((done) => setImmediate(done));
    expect(a.unreachable).toEqual([]);
    faults.cut('reset');
    await until(() => a.unreachable.length === 1);
    faults.cut(null);
    a.transport.send([heartbeat(a, b, 3)]);
    await until(() => b.received.length > 0);
    expect(b.received.map(({ commit }) => commit)).toEqual([3]);
  });

  it('are lost with the stream that they were on, and their sender knows once the link is whole', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.cut('hold');
    a.transport.send([heartbeat(a, b, 1)]);
    await b.kill();
    await until(() => a.logged.some((line) => line.startsWith('warn lost TCP') && line.includes('stream-writer')));
    expect(a.unreachable).toEqual([]);
    faults.cut(null);
    await until(() => a.unreachable.length === 1);
    // Over a cut link no connection is made.
    faults.cut('hold');
    a.transport.send([heartbeat(a, b, 2)]);
    await until(() => a.unreachable.length === 2);
    expect(a.transport.held(b.id).outHeld).toBe(0);
  });

  it('are as many as a stream takes; those beyond are lost, as to a full buffer', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.cut('hold');
    for (let commit = 0; commit < heldMessagesMax; commit++) a.transport.send([heartbeat(a, b, commit)]);
    await new Promise((done) => setImmediate(done));
    expect([a.transport.held(b.id).outHeld, a.unreachable.length]).toEqual([heldMessagesMax, 0]);
    a.transport.send([heartbeat(a, b, heldMessagesMax)]);
    await until(() => a.unreachable.length === 1);
    expect(a.transport.held(b.id)).toMatchObject({ outHeld: heldMessagesMax, outOverflowed: 1 });
    faults.cut(null);
    await until(() => b.received.length === heldMessagesMax);
    expect(b.received.at(-1)?.commit).toBe(heldMessagesMax - 1);
  });

  it('are no more bytes than it says', async () => {
    const faults = new TestFaults();
    const [a, b] = await pair({ faults });
    faults.cut('hold');
    const data = Buffer.alloc(heldBytesMax / 4);
    const append = newMessage(messageType.app, a.id, b.id, { entries: [{ type: 0, term: 1, index: 1, data }] });
    for (let i = 0; i < 4; i++) a.transport.send([append]);
    expect(a.transport.held(b.id)).toMatchObject({ outHeld: 3, outOverflowed: 1 });
    faults.cut('drop');
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
        theirs.cut('drop');
      },
    };
    const [a, b] = await pair({}, { snapshots: slow, faults: theirs });
    await a.transport.sendSnapshot(snapshotOf(a, b));
    expect(a.snapshots).toEqual([{ id: b.id, ok: false }]);
    expect([b.received, saved]).toEqual([[], [5]]);
  });

  it('is given up, as any connection, if its link stays cut; one that has come in waits', async () => {
    const [clock, faults, theirs] = [new ManualClock(), new TestFaults(), new TestFaults()];
    const [a, b] = await Promise.all([
      startMember(0xan, { clock, faults }),
      startMember(0xbn, { snapshots, faults: theirs }),
    ]);
    connect(a, b);
    faults.cut('hold');
    const sent = a.transport.sendSnapshot(snapshotOf(a, b));
    await clock.advance(dialTimeoutMs);
    await sent;
    expect([a.snapshots, a.transport.held(b.id).outHeld]).toEqual([[{ id: b.id, ok: false }], 0]);
    faults.cut(null);
    theirs.cut('hold');
    const again = a.transport.sendSnapshot(snapshotOf(a, b));
    await until(() => b.transport.held(a.id).inHeld === 1);
    expect(saved).toEqual([]);
    theirs.cut(null);
    await again;
    expect([a.snapshots.at(-1), saved]).toEqual([{ id: b.id, ok: true }, [5]]);
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
