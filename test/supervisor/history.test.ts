import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HistoryWriter } from '../../src/supervisor/history.ts';
import { agesOf, defaultHistoryLimits, historyFile, historyNames } from '../../src/supervisor/history-files.ts';
import type { HistoryRecord } from '../../src/supervisor/history-format.ts';
import { decodeRecords, headerText } from '../../src/supervisor/history-format.ts';
import { lockHistory } from '../../src/supervisor/history-lock.ts';
import { HistoryReader } from '../../src/supervisor/history-reader.ts';

const historyBytesMax = defaultHistoryLimits.fileBytes;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-history-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function encode({ timeMs, stream, block }: HistoryRecord): Buffer {
  return Buffer.concat([Buffer.from(headerText(timeMs, stream, block.length)), block]);
}

function texts(records: readonly HistoryRecord[]): string[] {
  return records.map((record) => record.block.toString());
}

describe('the writer of a history', () => {
  it('begins a new file within a block that is larger than one, after a line', async () => {
    const lines = Buffer.from(`${'x'.repeat(99)}\n`.repeat(10));
    const long = Buffer.from(`${'y'.repeat(700)}\n`);
    const writer = new HistoryWriter(folder, 'a', { fileBytes: 350, files: 100 });
    writer.append(1, 'o', Buffer.concat([lines, long, lines]));
    await writer.close();
    const records = new HistoryReader(folder, 'a').read();
    expect(records.map((record) => record.block.length)).toEqual([300, 300, 300, 100, 701, 300, 300, 300, 100]);
    expect(Buffer.concat(records.map((one) => one.block)).equals(Buffer.concat([lines, long, lines]))).toBe(true);
  });
});

describe('a history that cannot go on', () => {
  it('says so once, and costs the run nothing, when its folder is removed', async () => {
    const failures: string[] = [];
    const writer = new HistoryWriter(folder, 'a', { fileBytes: 100, files: 2 });
    writer.onFailed = (error) => failures.push(error.message);
    rmSync(folder, { recursive: true });
    for (let at = 0; at < 5; at++) writer.append(1, 'o', Buffer.from(`${'x'.repeat(99)}\n`));
    await writer.close();
    expect(failures).toEqual([expect.stringContaining('ENOENT')]);
  });

  it('says so when the disk is full', async () => {
    symlinkSync('/dev/full', historyFile(folder, 'a'));
    const failed = new Promise<Error>((resolve) => {
      const writer = new HistoryWriter(folder, 'a');
      writer.onFailed = resolve;
      writer.append(1, 'o', Buffer.from('x\n'));
    });
    expect((await failed).message).toContain('ENOSPC');
  });

  it('is refused where a lock cannot be removed, instead of trying for ever', () => {
    mkdirSync(join(folder, 'writer'));
    expect(() => lockHistory(folder)).toThrow(/EISDIR|EPERM/);
  });

  it('is refused below a folder where nothing can be made', () => {
    expect(() => lockHistory('/proc/nope/logs')).toThrow('ENOENT');
  });
});

describe('history records', () => {
  const record = fc.record({
    timeMs: fc.nat(2 ** 31),
    stream: fc.constantFrom<HistoryRecord['stream']>('o', 'e', 'n'),
    block: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from([...bytes, 10])),
  });

  it('come back as they were written, whatever bytes they hold', () => {
    fc.assert(
      fc.property(fc.array(record), (written) => {
        const bytes = Buffer.concat(written.map(encode));
        const { records, taken } = decodeRecords(bytes);
        expect(taken).toBe(bytes.length);
        expect(records).toEqual(written);
      }),
    );
  });

  it('are read up to the last whole one', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1 }), fc.nat(), (written, cut) => {
        const bytes = Buffer.concat(written.map(encode));
        const part = bytes.subarray(0, cut % bytes.length);
        const { records, taken } = decodeRecords(part);
        expect(records).toEqual(written.slice(0, records.length));
        expect(decodeRecords(bytes.subarray(taken)).records).toEqual(written.slice(records.length));
      }),
    );
  });

  it('after damage are found again', () => {
    const good = encode({ timeMs: 5, stream: 'o', block: Buffer.from('x\n') });
    expect(texts(decodeRecords(Buffer.concat([Buffer.from('torn rest\n'), good])).records)).toEqual(['x\n']);
  });
});

describe('the history of a process', () => {
  it('is read from the oldest line, and on as it grows', async () => {
    const writer = new HistoryWriter(folder, 'a/b ü');
    expect(historyNames(folder)).toEqual(['a/b ü']);
    const reader = new HistoryReader(folder, 'a/b ü');
    writer.append(1, 'o', Buffer.from('one\n'));
    await writer.close();
    expect(texts(reader.read())).toEqual(['one\n']);
    expect(reader.read()).toEqual([]);
    const again = new HistoryWriter(folder, 'a/b ü');
    again.append(2, 'e', Buffer.from('two\n'));
    await again.close();
    expect(texts(reader.read())).toEqual(['two\n']);
    reader.close();
  });

  it('keeps two files of bounded size, and a reader misses nothing in between', async () => {
    const writer = new HistoryWriter(folder, 'p');
    const reader = new HistoryReader(folder, 'p');
    const block = Buffer.from(`${'x'.repeat(1024 * 1024 - 1)}\n`);
    const blocks = (2.5 * historyBytesMax) / block.length;
    let seen = 0;
    for (let at = 0; at < blocks; at++) {
      writer.append(at, 'o', block);
      if (at % 8 === 7) await new Promise((resolve) => setImmediate(resolve));
    }
    await writer.close();
    seen += reader.read().length;
    expect(seen).toBeGreaterThan(historyBytesMax / block.length);
    for (const file of [historyFile(folder, 'p'), `${historyFile(folder, 'p')}.1`]) {
      expect(statSync(file).size).toBeLessThanOrEqual(historyBytesMax + block.length + 64);
    }
    reader.close();
  });

  it('goes on in the new file after a rotation under the reader', async () => {
    const first = new HistoryWriter(folder, 'p');
    first.append(1, 'o', Buffer.from('1\n'));
    await first.close();
    const reader = new HistoryReader(folder, 'p');
    expect(texts(reader.read())).toEqual(['1\n']);
    const second = new HistoryWriter(folder, 'p');
    second.append(2, 'o', Buffer.alloc(historyBytesMax, 10));
    second.append(3, 'o', Buffer.from('3\n'));
    await second.close();
    expect(reader.read().map((record) => record.timeMs)).toEqual([2, 3]);
    reader.close();
  });

  it('keeps as many files as it is told, and a reader follows through all of them', async () => {
    const reader = new HistoryReader(folder, 'p');
    expect(reader.read()).toEqual([]);
    const all = Array.from({ length: 12 }, (_, at) => at + 1);
    const seen: number[] = [];
    for (const at of all) {
      const writer = new HistoryWriter(folder, 'p', { fileBytes: 40, files: 4 });
      writer.append(at, 'o', Buffer.from(`${'x'.repeat(18)}\n`));
      await writer.close();
      if (at % 3 === 0) seen.push(...reader.read().map((record) => record.timeMs));
    }
    expect(seen).toEqual(all);
    expect(agesOf(folder, 'p')).toEqual([3, 2, 1]);
    reader.close();
    const late = new HistoryReader(folder, 'p');
    expect(late.read().map((record) => record.timeMs)).toEqual([7, 8, 9, 10, 11, 12]);
    late.close();
  });

  it('of one file begins anew when that is full', async () => {
    for (const at of [1, 2, 3]) {
      const writer = new HistoryWriter(folder, 'p', { fileBytes: 40, files: 1 });
      writer.append(at, 'o', Buffer.from(`${'x'.repeat(18)}\n`));
      await writer.close();
    }
    const reader = new HistoryReader(folder, 'p');
    expect(reader.read().map((record) => record.timeMs)).toEqual([3]);
    expect(agesOf(folder, 'p')).toEqual([]);
    reader.close();
  });

  it('of a folder that is not there is empty', () => {
    expect(historyNames(join(folder, 'no'))).toEqual([]);
    writeFileSync(join(folder, 'x.log'), '');
    expect(new HistoryReader(folder, 'x').read()).toEqual([]);
  });
});
