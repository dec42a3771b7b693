import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openLogger } from '../../../src/server/log/open.ts';
import type { SinkIo } from '../../../src/server/log/sink.ts';
import { DescriptorSink, pendingMax } from '../../../src/server/log/sink.ts';

/** A descriptor that takes `capacity` bytes, then fails with `code` until it is given more. */
class FakeIo implements SinkIo {
  capacity = Number.POSITIVE_INFINITY;
  code = 'EAGAIN';
  written = '';
  calls = 0;
  sleptMs = 0;
  onSleep = (): void => {};

  write(_descriptor: number, bytes: Uint8Array): number {
    this.calls++;
    if (this.capacity === 0) throw Object.assign(new Error(this.code), { code: this.code });
    const taken = Math.min(this.capacity, bytes.length);
    this.capacity -= taken;
    this.written += Buffer.from(bytes.subarray(0, taken)).toString();
    return taken;
  }

  sleep(ms: number): void {
    this.sleptMs += ms;
    this.onSleep();
  }
}

describe('a sink', () => {
  test('writes the lines of one loop turn at once, in order', async () => {
    const io = new FakeIo();
    const sink = new DescriptorSink(9, false, io);
    sink.write('a\n');
    sink.write('b\n');
    expect(io.calls).toBe(0);
    await nextTurn();
    expect([io.written, io.calls]).toEqual(['a\nb\n', 1]);
  });

  test('goes on where a full pipe stopped it, in the middle of a character', async () => {
    const io = new FakeIo();
    io.capacity = 2;
    const sink = new DescriptorSink(9, false, io);
    sink.write('xé\n');
    await nextTurn();
    io.capacity = Number.POSITIVE_INFINITY;
    await vi.waitFor(() => expect(io.calls).toBeGreaterThan(2));
    expect(Buffer.byteLength(io.written)).toBeGreaterThan(3);
    expect(io.written.startsWith('x')).toBe(true);
    expect(io.written.endsWith('\n')).toBe(true);
  });

  test('flush waits for a slow reader, but not for ever', () => {
    const io = new FakeIo();
    io.capacity = 0;
    const sink = new DescriptorSink(9, false, io);
    sink.write('a\n');
    io.onSleep = () => {
      if (io.sleptMs >= 50) io.capacity = 100;
    };
    sink.flush();
    expect(io.written).toBe('a\n');
    io.capacity = 0;
    io.onSleep = () => {};
    io.sleptMs = 0;
    sink.write('b\n');
    sink.flush();
    expect(io.sleptMs).toBe(1000);
    sink.close();
  });

  test('keeps at most its limit of pending text and counts what it drops', () => {
    const io = new FakeIo();
    io.capacity = 0;
    const sink = new DescriptorSink(9, false, io);
    const line = 'x'.repeat(pendingMax / 8);
    for (let i = 0; i < 8; i++) sink.write(line);
    expect(sink.takeDropped()).toBe(0);
    sink.write('y');
    expect(sink.takeDropped()).toBe(0); // still full: the news must wait
    io.capacity = Number.POSITIVE_INFINITY;
    sink.flush();
    expect(io.written.length).toBe(pendingMax);
    expect(sink.takeDropped()).toBe(1);
    expect(sink.takeDropped()).toBe(0);
    sink.close();
  });

  test('falls silent when the reader is gone', () => {
    const io = new FakeIo();
    io.capacity = 0;
    io.code = 'EPIPE';
    const sink = new DescriptorSink(9, false, io);
    sink.write('a\n');
    sink.flush();
    io.capacity = 100;
    sink.write('b\n');
    sink.flush();
    expect(io.written).toBe('');
  });
});

describe('outputs', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('a path is appended to, once even if listed twice', () => {
    const path = join(folder, 'etcd.log');
    for (const message of ['first', 'second']) {
      const opened = openLogger({ level: 'info', format: 'console', outputs: [path, path] });
      if (!opened.ok) throw new Error(opened.error);
      opened.value.info(message);
      opened.value.close();
    }
    const lines = readFileSync(path, 'utf8').trim().split('\n');
    expect(lines.map((line) => line.split('\t').at(-1))).toEqual(['first', 'second']);
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\tinfo\t/);
  });

  test('a path that cannot be opened is the complaint of etcd', () => {
    expect(openLogger({ level: 'info', format: 'json', outputs: ['/nonexistent/x.log'] })).toEqual({
      ok: false,
      error: 'open sink "/nonexistent/x.log": open /nonexistent/x.log: no such file or directory',
    });
  });

  test('/dev/null silences everything', () => {
    const path = join(folder, 'silent.log');
    const opened = openLogger({ level: 'info', format: 'json', outputs: [path, '/dev/null'] });
    if (!opened.ok) throw new Error(opened.error);
    opened.value.info('nothing');
    opened.value.close();
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });
});
