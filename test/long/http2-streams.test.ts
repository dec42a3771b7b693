/** A hundred thousand streams on one connection, one after the other and all at a time: memory must not grow with what is done. */
import { describe, expect, it } from 'vitest';
import { frameType, settingId } from '../../src/server/http2/frame.ts';
import { eventually, startPort } from '../server/http2/port.ts';
import { frame, RawPeer, settings, word } from '../server/http2/raw-peer.ts';

const total = 100_000;
const block = 1000;
const wide = [settings([settingId.initialWindowSize, 2 ** 31 - 1]), frame(frameType.windowUpdate, 0, 0, word(2 ** 30))];

function calls(peer: RawPeer, from: number, path: string): Buffer[] {
  return Array.from({ length: block }, (_, i) => peer.call(2 * (from + i) + 1, path));
}

describe('a hundred thousand streams', () => {
  it('one after the other leave nothing behind', async () => {
    const { port } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(...wide);
    let early = 0;
    for (let from = 0; from < total; from += block) {
      peer.frames.length = 0;
      peer.send(...calls(peer, from, '/t.T/Echo'));
      await peer.end(2 * (from + block) - 1);
      if (from === total / 4) early = process.memoryUsage().heapUsed;
    }
    expect(process.memoryUsage().heapUsed - early).toBeLessThan(50 << 20);
  });

  it('at a time are held, cheaply, and answered', async () => {
    const { port, held } = await startPort();
    const peer = await RawPeer.connect(port);
    peer.send(...wide);
    const before = process.memoryUsage().heapUsed;
    for (let from = 0; from < total; from += block) peer.send(...calls(peer, from, '/t.T/Hold'));
    await eventually(() => held.length === total);
    expect((process.memoryUsage().heapUsed - before) / total).toBeLessThan(1500);
    for (const call of held) call.respond(Buffer.from('x'));
    await peer.end(2 * total - 1);
    expect(peer.frames.filter(({ type }) => type === frameType.data)).toHaveLength(total);
  });
});
