/** Laws of a connection over generated traffic: what it sends always fits the windows, and no input breaks it. */
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameDecoder, frameFlag, frameType, settingId } from '../../../src/server/http2/frame.ts';
import { HpackEncoder } from '../../../src/server/http2/hpack-encoder.ts';
import { eventually, startPort, type TestPort } from './port.ts';
import { dataFrame, frame, preface, requestFields, settings, word } from './raw-peer.ts';

interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** A connection in memory: input is given at once, and what comes back is split into frames. */
class Wire {
  readonly sent: Sent[] = [];
  readonly duplex: Duplex;
  private readonly encoder = new HpackEncoder();

  constructor(target: TestPort) {
    const frames = new FrameDecoder(
      {
        frame: (type, flags, streamId, bytes, start, end) =>
          this.sent.push({ type, flags, streamId, payload: Buffer.from(bytes.subarray(start, end)) }),
      },
      1 << 24,
    );
    this.duplex = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        frames.push(chunk);
        done();
      },
    });
    target.client.accept(this.duplex);
  }

  give(...bytes: readonly Buffer[]): void {
    if (!this.duplex.destroyed && !this.duplex.readableEnded) this.duplex.push(Buffer.concat(bytes));
  }

  block(fields: readonly string[]): Buffer {
    return Buffer.from(this.encoder.encode({ fields, repeats: false }));
  }

  request(streamId: number, path: string): Buffer {
    return frame(frameType.headers, frameFlag.endHeaders, streamId, this.block(requestFields(path)));
  }
}

/** Input has been read and the turn's output written. */
async function turn(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}

const largest = 2 ** 31 - 1;

describe('what a connection sends', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('call' as const), size: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 60_000 })) }),
    fc.record({ type: fc.constant('stream' as const), sizes: fc.array(fc.nat({ max: 20_000 }), { maxLength: 5 }) }),
    fc.record({ type: fc.constant('connectionWindow' as const), by: fc.integer({ min: 1, max: 50_000 }) }),
    fc.record({ type: fc.constant('streamWindow' as const), pick: fc.nat(), by: fc.integer({ min: 1, max: 50_000 }) }),
    fc.record({ type: fc.constant('initialWindow' as const), size: fc.nat({ max: 70_000 }) }),
    fc.record({ type: fc.constant('reset' as const), pick: fc.nat() }),
    fc.record({ type: fc.constant('turn' as const) }),
  );

  it('always fits the windows, and all of it comes once the windows let it', async () => {
    const target = await startPort();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const wire = new Wire(target);
        wire.give(preface);
        let connectionWindow = 65_535;
        let initialWindow = 65_535;
        const windows = new Map<number, number>();
        const owed = new Map<number, number>();
        const reset = new Set<number>();
        let checked = 0;
        const check = (): void => {
          for (; checked < wire.sent.length; checked++) {
            const { type, streamId, payload } = wire.sent[checked] as Sent;
            if (type === frameType.goAway) throw new Error(payload.toString('latin1'));
            if (type !== frameType.data) continue;
            connectionWindow -= payload.length;
            const window = (windows.get(streamId) ?? 0) - payload.length;
            windows.set(streamId, window);
            owed.set(streamId, (owed.get(streamId) ?? 0) - payload.length);
            // The setting may have shrunk a window that was used already; only sending into a spent one is wrong.
            if (connectionWindow < 0 || window < 0) throw new Error(`window overrun on stream ${streamId}`);
          }
        };
        let nextId = 1;
        const open = (path: string): number => {
          const id = nextId;
          nextId += 2;
          windows.set(id, initialWindow);
          wire.give(wire.request(id, path));
          return id;
        };
        const live = (pick: number): number | undefined => {
          const ids = [...windows.keys()].filter((id) => !reset.has(id) && (owed.get(id) ?? 0) > 0);
          return ids[pick % Math.max(1, ids.length)];
        };
        for (const item of steps) {
          switch (item.type) {
            case 'call': {
              const id = open('/t.T/Bytes');
              owed.set(id, item.size + 5);
              wire.give(dataFrame(id, Buffer.from(String(item.size))));
              break;
            }
            case 'stream': {
              const before = target.streams.length;
              const id = open('/t.T/Stream');
              await turn();
              check();
              const call = target.streams[before];
              owed.set(
                id,
                item.sizes.reduce((sum, size) => sum + size + 5, 0),
              );
              for (const size of item.sizes) call?.write(Buffer.alloc(size));
              call?.end();
              break;
            }
            case 'connectionWindow':
              await turn();
              check();
              connectionWindow += item.by;
              wire.give(frame(frameType.windowUpdate, 0, 0, word(item.by)));
              break;
            case 'streamWindow': {
              await turn();
              check();
              const id = live(item.pick);
              if (id === undefined) break;
              windows.set(id, (windows.get(id) ?? 0) + item.by);
              wire.give(frame(frameType.windowUpdate, 0, id, word(item.by)));
              break;
            }
            case 'initialWindow': {
              await turn();
              check();
              const delta = item.size - initialWindow;
              initialWindow = item.size;
              for (const [id, window] of windows) windows.set(id, window + delta);
              wire.give(settings([settingId.initialWindowSize, item.size]));
              break;
            }
            case 'reset': {
              await turn();
              check();
              const id = live(item.pick);
              if (id === undefined) break;
              reset.add(id);
              wire.give(frame(frameType.rstStream, 0, id, word(8)));
              break;
            }
            case 'turn':
              await turn();
              check();
          }
        }
        await turn();
        check();
        connectionWindow += 2 ** 30;
        for (const id of windows.keys()) windows.set(id, largest);
        wire.give(settings([settingId.initialWindowSize, 2 ** 30]), frame(frameType.windowUpdate, 0, 0, word(2 ** 30)));
        await turn();
        await turn();
        check();
        for (const [id, bytes] of owed) if (!reset.has(id)) expect([id, bytes]).toEqual([id, 0]);
        wire.duplex.destroy();
      }),
      { numRuns: 150 },
    );
  });
});

describe('a connection', () => {
  const ids = fc.constantFrom(0, 1, 2, 3, 5, 7, 9, 11, 2 ** 31 - 1);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((payload) => Buffer.from(payload)),
    fc.constantFrom(
      Buffer.alloc(4),
      Buffer.alloc(5),
      Buffer.alloc(6),
      Buffer.alloc(8),
      Buffer.from('0000000003616263', 'hex'),
    ),
    fc
      .constantFrom('/t.T/Echo', '/t.T/Hold', '/t.T/EchoStream', '/x')
      .map((path) => Buffer.from(new HpackEncoder().encode({ fields: requestFields(path), repeats: false }))),
  );
  const anything = fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .record({ type: fc.nat({ max: 10 }), flags: fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d, 255), id: ids, bytes })
        .map((f) => frame(f.type, f.flags, f.id, f.bytes)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 30 }).map((payload) => Buffer.from(payload)) },
  );

  it('survives any frames, or ends with GOAWAY, and keeps nothing', async () => {
    const target = await startPort();
    await fc.assert(
      fc.asyncProperty(
        fc.array(anything, { maxLength: 30 }),
        fc.array(fc.nat({ max: 600 }), { maxLength: 6 }),
        async (list, cuts) => {
          const wire = new Wire(target);
          wire.give(preface);
          const input = Buffer.concat(list);
          let from = 0;
          for (const cut of [...cuts.filter((cut) => cut < input.length).sort((a, b) => a - b), input.length]) {
            if (cut > from) wire.give(input.subarray(from, cut));
            from = cut;
          }
          await turn();
          const ended = wire.sent.some(({ type }) => type === frameType.goAway);
          if (!ended) {
            // The rest of a frame that was cut short, and then: does it still answer?
            wire.give(Buffer.alloc(16_393));
            await turn();
          }
          wire.duplex.destroy();
          await eventually(() => target.client.connectionCount() === 0);
          expect(target.grpc.heldBytes).toBe(0);
          expect(target.grpc.deadlines.count).toBe(0);
        },
      ),
      { numRuns: 400 },
    );
  });
});
