import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdminLinkRule } from '../../../src/base/admin-protocol.ts';
import { seededRandom } from '../../../src/base/prng.ts';
import { type Message, messageType, newMessage } from '../../../src/proto/raftpb.ts';
import { LinkFaults, linkRulesMax, parsePeers, probeMessage } from '../../../src/server/admin/link-faults.ts';

const [self, peer, other] = [1n, 0xabn, 0xcn];
const whole: AdminLinkRule = {
  peer: 'ab',
  direction: 'out',
  cut: null,
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  messages: null,
};

function faults(...rules: readonly Partial<AdminLinkRule>[]): LinkFaults {
  const links = new LinkFaults({ below: () => 0 });
  const set = links.setRules(rules.map((rule) => ({ ...whole, ...rule })));
  if (!set.ok) throw new Error(set.error);
  return links;
}

const out = (to = peer, type: Message['type'] = messageType.app) => newMessage(type, self, to);
const incoming = (from = peer) => newMessage(messageType.app, from, self);

describe('link rules', () => {
  it('let everything pass where there is none', () => {
    const links = faults({ cut: 'drop' });
    expect([links.outgoing(out()), links.outgoing(out(other)), links.incoming(incoming())]).toEqual([
      'drop',
      'pass',
      'pass',
    ]);
  });

  it('cut one direction, with or without notice', () => {
    expect(faults({ cut: 'reset' }).outgoing(out())).toBe('reset');
    expect(faults({ cut: 'hold' }).outgoing(out())).toBe('hold');
    const deaf = faults({ cut: 'drop', direction: 'in' });
    expect([deaf.outgoing(out()), deaf.incoming(incoming())]).toEqual(['pass', 'drop']);
    expect([deaf.isSilent(peer), deaf.isSevered(peer), deaf.isSilent(other)]).toEqual([true, false, false]);
    const severed = faults({ cut: 'drop', direction: 'in' }, { cut: 'drop' });
    expect([severed.isSilent(peer), severed.isSevered(peer)]).toEqual([true, true]);
  });

  it('about some types of messages leave the others alone, and sever nothing', () => {
    const links = faults({ cut: 'drop', messages: ['MsgApp'] }, { cut: 'drop', direction: 'in', messages: ['MsgApp'] });
    expect(links.outgoing(out(peer, messageType.heartbeat))).toBe('pass');
    expect(links.outgoing(out(peer, messageType.app))).toBe('drop');
    expect(links.isSevered(peer)).toBe(false);
  });

  it('add up: delays are summed, and a cut wins', () => {
    const links = faults({ delayMs: 20 }, { delayMs: 5, messages: ['MsgApp'] });
    expect(links.outgoing(out())).toBe(25);
    expect(links.outgoing(out(peer, messageType.heartbeat))).toBe(20);
    expect(faults({ delayMs: 20 }, { cut: 'drop' }).outgoing(out())).toBe('drop');
    // What is held is not lost before it has left.
    expect(faults({ loss: 1 }, { cut: 'hold' }).outgoing(out())).toBe('hold');
    for (const [cuts, worst] of [
      [['drop', 'hold'], 'drop'],
      [['hold', 'reset', 'drop'], 'reset'],
    ] as const) {
      expect(faults(...cuts.map((cut) => ({ cut }))).outgoing(out())).toBe(worst);
    }
  });

  it('vary delays within the jitter, and lose the share that they say', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const links = new LinkFaults(seededRandom(seed));
        links.setRules([{ ...whole, delayMs: 50, jitterMs: 20 }]);
        const delays = Array.from({ length: 200 }, () => Number(links.outgoing(out())));
        expect(Math.min(...delays)).toBeGreaterThanOrEqual(30);
        expect(Math.max(...delays)).toBeLessThanOrEqual(70);
        expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(20);
        links.setRules([{ ...whole, loss: 0.2 }]);
        const lost = Array.from({ length: 1_000 }, () => links.outgoing(out())).filter((one) => one === 'drop').length;
        expect(lost).toBeGreaterThan(130);
        expect(lost).toBeLessThan(280);
      }),
      { numRuns: 20 },
    );
  });

  it('are replaced all at once, or not at all', () => {
    const links = faults({ cut: 'drop' });
    for (const [rule, error] of [
      [{ peer: 'etcd1' }, 'etcd1 is no id of a member'],
      [{ delayMs: 60_001 }, 'a message is late by 0 to 60000 ms'],
      [{ delayMs: Number.NaN }, 'a message is late by 0 to 60000 ms'],
      [{ delayMs: 10, jitterMs: 11 }, 'jitter is not more than the delay'],
      [{ loss: 1.1 }, 'loss is a share from 0 to 1'],
      [{ messages: ['MsgNothing'] }, 'MsgNothing is no type of Raft message such as MsgApp'],
    ] as const) {
      expect(links.setRules([{ ...whole }, { ...whole, ...rule }])).toEqual({ ok: false, error });
    }
    expect(links.outgoing(out())).toBe('drop');
    const many = (count: number) => links.setRules(Array.from({ length: count }, () => whole)).ok;
    expect([many(linkRulesMax), many(linkRulesMax + 1)]).toEqual([true, false]);
    expect(links.setRules([])).toEqual({ ok: true, value: undefined });
    expect(links.outgoing(out())).toBe('pass');
  });
});

describe('what is held', () => {
  it('is told of each change, and of what cuts it now', () => {
    const links = faults({ cut: 'hold' }, { cut: 'drop', direction: 'in', messages: ['MsgVote'] });
    const seen: unknown[] = [];
    links.watch(() => seen.push([links.cutOf('outgoing', out()), links.cutOf('incoming', incoming())]));
    expect(links.cutOf('incoming', newMessage(messageType.vote, peer, self))).toBe('drop');
    links.setRules([{ ...whole, cut: 'reset' }]);
    links.setRules([{ ...whole, delayMs: 5, loss: 1 }]);
    expect(links.setRules([{ ...whole, loss: 2 }]).ok).toBe(false);
    expect(seen).toEqual([
      ['reset', null],
      [null, null],
    ]);
    // Nothing of that is counted.
    expect(links.counters(peer)).toMatchObject({ outPassed: 0, outHit: 0, inPassed: 0, inHit: 0 });
  });
});

describe('the counters of a link', () => {
  it('tell what passed and what was hit, each way', () => {
    const links = faults({ cut: 'drop' });
    links.outgoing(out());
    links.outgoing(out(other));
    links.incoming(incoming());
    expect(links.counters(peer)).toEqual({ outPassed: 0, outHit: 1, inPassed: 1, inHit: 0, inProbes: 0 });
    expect(links.counters(other)).toEqual({ outPassed: 1, outHit: 0, inPassed: 0, inHit: 0, inProbes: 0 });
  });

  it('count probes, which Raft never sees, and which obey rules about any type', () => {
    const probe = probeMessage(peer, self);
    const links = faults();
    expect([links.incoming(probe), links.take(probe), links.take(incoming())]).toEqual(['pass', true, false]);
    expect(links.take(newMessage(messageType.heartbeatResp, peer, self))).toBe(false);
    expect(links.counters(peer)).toMatchObject({ inPassed: 1, inProbes: 1 });
    expect(faults({ cut: 'drop', messages: ['MsgVote'] }).outgoing(probeMessage(self, peer))).toBe('drop');
    expect(parsePeers(['ab', 'C'])).toEqual({ ok: true, value: [0xabn, 0xcn] });
    expect(parsePeers(['x'])).toEqual({ ok: false, error: 'x is no id of a member' });
  });
});
