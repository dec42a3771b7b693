import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Send } from '../../src/supervisor/output.ts';
import { Output } from '../../src/supervisor/output.ts';
import { Spill } from '../../src/supervisor/spill.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-spill-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mebibyte = 1024 * 1024;

/** A reader that takes nothing until told to. */
class Reader {
  readonly taken: Buffer[] = [];
  #waiting: (() => void)[] = [];
  open = false;

  readonly send: Send = (buffers, done) => {
    const take = () => {
      this.taken.push(...buffers.map((buffer) => Buffer.from(buffer)));
      setImmediate(done, null);
    };
    if (this.open) take();
    else this.#waiting.push(take);
  };

  start(): void {
    this.open = true;
    for (const take of this.#waiting.splice(0)) take();
  }
}

function blocks(count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => Buffer.alloc(mebibyte, at % 251));
}

describe('the output', () => {
  it('keeps what a sleeping reader does not take in a file, and asks nobody to wait', async () => {
    const reader = new Reader();
    const output = new Output(reader.send, new Spill(folder));
    let congested = false;
    output.onCongestion = (now) => {
      congested ||= now;
    };
    const written = blocks(40);
    for (const block of written) output.write(block);
    expect(congested).toBe(false);
    expect(readdirSync(folder)).toEqual([]); // the file has no name
    reader.start();
    await output.flush(5_000);
    expect(Buffer.concat(reader.taken).equals(Buffer.concat(written))).toBe(true);
  });

  it('asks its producers to wait when the file is full, and loses nothing', async () => {
    const reader = new Reader();
    const output = new Output(reader.send, new Spill(folder, 10 * mebibyte));
    const states: boolean[] = [];
    output.onCongestion = (congested) => states.push(congested);
    const written = blocks(30);
    for (const block of written) output.write(block);
    expect(states).toEqual([true]);
    reader.start();
    await output.flush(5_000);
    expect(states).toEqual([true, false]);
    expect(Buffer.concat(reader.taken).equals(Buffer.concat(written))).toBe(true);
  });

  it('keeps the order of bytes and text, in memory, in the file and beyond', async () => {
    const piece = fc.record({
      text: fc.boolean(),
      bytes: fc.integer({ min: 1, max: 2 * mebibyte }).map((length) => Buffer.alloc(length, length % 256)),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.boolean(), async (pieces, asleep) => {
        const reader = new Reader();
        reader.open = !asleep;
        const output = new Output(reader.send, new Spill(folder, 4 * mebibyte));
        for (const [at, { text, bytes }] of pieces.entries()) {
          if (text) output.writeLatin1(bytes.toString('latin1'));
          else output.write(bytes);
          if (at % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        reader.start();
        await output.flush(5_000);
        const written = Buffer.concat(pieces.map((one) => one.bytes));
        expect(Buffer.concat(reader.taken).equals(written)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('drops everything once its reader is gone, and says so once', async () => {
    let closed = 0;
    const fail: Send = (_, done) => done(new Error('EPIPE'));
    const output = new Output(fail, null);
    output.onClosed = () => {
      closed++;
    };
    for (let at = 0; at < 3; at++) {
      output.write(Buffer.from('x'));
      await output.flush(20);
    }
    expect(closed).toBe(1);
  });

  it('gives up flushing to a reader that takes nothing', async () => {
    const output = new Output(new Reader().send, null);
    output.write(Buffer.from('x'));
    await output.flush(20);
  });
});

describe('a spill', () => {
  it('gives back what it got, in order, whatever the sizes', () => {
    const act = fc.oneof(
      fc.uint8Array({ maxLength: 50 }).map((bytes) => ({ type: 'append' as const, bytes })),
      fc.nat(60).map((count) => ({ type: 'take' as const, count })),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
        const spill = new Spill(folder);
        let model = Buffer.alloc(0);
        for (const one of acts) {
          if (one.type === 'append') {
            expect(spill.append(Buffer.from(one.bytes))).toBe(true);
            model = Buffer.concat([model, one.bytes]);
          } else {
            const taken = spill.take(one.count);
            expect(taken.equals(model.subarray(0, one.count))).toBe(true);
            model = model.subarray(taken.length);
          }
          expect(spill.bytes).toBe(model.length);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses what is beyond its limit, or a folder that is not there', () => {
    const spill = new Spill(folder, 3);
    expect(spill.append(Buffer.from('abc'))).toBe(true);
    expect(spill.append(Buffer.from('d'))).toBe(false);
    expect(spill.take(5).toString()).toBe('abc');
    expect(new Spill(join(folder, 'no')).append(Buffer.from('a'))).toBe(false);
  });
});
