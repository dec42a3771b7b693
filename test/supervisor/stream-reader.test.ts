import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LineSplitter, lineBytesMax } from '../../src/supervisor/line-splitter.ts';
import { StreamReader } from '../../src/supervisor/stream-reader.ts';

/** What it says on standard output, through a reader and a splitter. */
async function linesOf(reader: StreamReader, from: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  const hear = (chunk: Buffer) => {
    const block = splitter.push(chunk);
    if (block !== null) pieces.push(Buffer.from(block));
  };
  const { stream, headroom } = reader.read(from, hear);
  const splitter = new LineSplitter(lineBytesMax, headroom);
  await once(stream, 'close');
  const tail = splitter.end();
  return Buffer.concat(tail === null ? pieces : [...pieces, tail]).toString();
}

describe('the reader of streams', () => {
  it('keeps the lines of many children apart, though it has one memory for all', async () => {
    const reader = new StreamReader();
    const script = (name: string) =>
      `for (let at = 0; at < 20000; at++) process.stdout.write('${name} ' + at + ' ' + 'x'.repeat(at % 150) + '\\n')`;
    const children = ['a', 'b', 'c'].map((name) => {
      const child = spawn(process.execPath, ['-e', script(name)], { stdio: ['ignore', 'pipe', 'ignore'] });
      return { name, text: linesOf(reader, child.stdout) };
    });
    for (const { name, text } of children) {
      const expected = Array.from({ length: 20_000 }, (_, at) => `${name} ${at} ${'x'.repeat(at % 150)}\n`).join('');
      expect((await text) === expected).toBe(true);
    }
  });

  it('waits while it is paused', async () => {
    const child = spawn('/bin/sh', ['-c', 'echo one; read line; echo $line'], { stdio: ['pipe', 'pipe', 'ignore'] });
    let said = '';
    let wake: () => void = () => {};
    const { stream } = new StreamReader().read(child.stdout, (chunk) => {
      said += chunk.toString();
      wake();
    });
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    stream.pause();
    child.stdin.end('two\n');
    await once(child, 'exit');
    await new Promise((resolve) => setImmediate(resolve));
    expect(said).toBe('one\n');
    stream.resume();
    await once(stream, 'close');
    expect(said).toBe('one\ntwo\n');
  });

  it('takes any other stream as it is', async () => {
    expect(await linesOf(new StreamReader(), Readable.from([Buffer.from('a\nb'), Buffer.from('c\n')]))).toBe('a\nbc\n');
  });
});
