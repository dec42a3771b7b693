import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { historyFile, olderFile } from '../../../src/supervisor/history-files.ts';
import { PageCache } from '../../../src/ui/logs/page-table.ts';
import { ProcessHistory } from '../../../src/ui/logs/process-history.ts';
import { walkBufferMin } from '../../../src/ui/logs/record-walker.ts';
import { always, historyOf, plainLines, withFolder, withFolderAsync, writeBlocks } from './history-fixture.ts';

const text = fc.array(
  fc.constantFrom('', 'a', 'hello', '{"level":"warn","msg":"x"}', 'x'.repeat(300), '#1 o 4', 'é…'),
  {
    minLength: 1,
    maxLength: 6,
  },
);
const block = fc.record({
  timeMs: fc.nat(1000),
  stream: fc.constantFrom('o' as const, 'e' as const, 'n' as const),
  bytes: text.map((lines) => Buffer.from(`${lines.join('\n')}\n`)),
});
/** What happens to a history between two looks at it. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('append' as const), block, torn: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('rotate' as const), keep: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('damage' as const),
      junk: fc.constantFrom('\n', 'zz\n', `${'j'.repeat(700)}\n`),
    }),
  },
);

function rotate(file: string, keep: number): void {
  for (let age = keep; age >= 1; age--) {
    try {
      renameSync(age === 1 ? file : olderFile(file, age - 1), olderFile(file, age));
    } catch {
      // There is no such file.
    }
  }
  rmSync(olderFile(file, keep), { force: true });
  for (let age = keep; age <= 4; age++) rmSync(olderFile(file, age), { force: true });
  writeFileSync(file, '');
}

describe('the history of a process', () => {
  it('has the lines that a plain reading finds, however it grows and is rotated', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.integer({ min: walkBufferMin, max: 1000 }),
        (steps, bufferBytes) => {
          withFolder((folder) => {
            const file = historyFile(folder, 'p');
            writeFileSync(file, '');
            const history = new ProcessHistory(folder, 'p', new PageCache(2));
            const buffer = Buffer.alloc(bufferBytes);
            for (const one of steps) {
              if (one.type === 'append') {
                const record = Buffer.concat([
                  Buffer.from(`#${one.block.timeMs} ${one.block.stream} ${one.block.bytes.length}
`),
                  one.block.bytes,
                ]);
                const cut = Math.min(one.torn, record.length);
                appendFileSync(file, record.subarray(0, cut));
                expect(history.refresh(buffer, always)).toBe(true);
                appendFileSync(file, record.subarray(cut));
              } else if (one.type === 'rotate') {
                history.refresh(buffer, always); // what is gone before it was seen is gone
                rotate(file, one.keep);
              } else appendFileSync(file, one.junk);
              history.refresh(buffer, always);
            }
            history.refresh(buffer, always);
            const plain = plainLines(folder, 'p');
            const lines = Array.from({ length: history.end - history.first }, (_, at) =>
              history.read(history.first + at, 10_000),
            );
            // The newest file that is still empty lets the one before it be kept until it is gone.
            const kept = lines.slice(lines.length - plain.length);
            expect(kept.map(({ bytes }) => bytes.toString())).toEqual(plain.map(({ bytes }) => bytes.toString()));
            expect(kept.map(({ timeMs, stream }) => [timeMs, stream])).toEqual(
              plain.map(({ timeMs, stream }) => [timeMs, stream]),
            );
            let before = 0;
            for (let line = history.first; line < history.end; line++) {
              expect(history.orderOf(line)).toBeGreaterThanOrEqual(before);
              before = history.orderOf(line);
              expect(history.orderOf(history.lineAt(before))).toBe(before);
            }
            history.close();
          });
        },
      ),
      { numRuns: 150 },
    );
  });

  it('finds lines on any page, by number and by time', async () => {
    await withFolderAsync(async (folder) => {
      const blocks = Array.from({ length: 500 }, (_, at) => ({
        timeMs: at * 10,
        text: Array.from({ length: 20 }, (_line, line) => `line ${at * 20 + line}\n`).join(''),
      }));
      await writeBlocks(folder, 'p', blocks, { fileBytes: 30_000, files: 10 });
      const history = historyOf(folder, 'p');
      const buffer = Buffer.alloc(2000);
      while (!history.refresh(buffer, () => false));
      expect([history.first, history.end]).toEqual([0, 10_000]);
      for (const line of [9_999, 0, 1023, 1024, 5_000, 2_047, 9_000]) {
        expect(history.read(line, 100).bytes.toString()).toBe(`line ${line}`);
      }
      expect(history.read(9_999, 6)).toMatchObject({ length: 9, bytes: Buffer.from('line 9') });
      expect([history.lineAt(0), history.lineAt(2001), history.lineAt(2010), history.lineAt(5000)]).toEqual([
        0, 4020, 4020, 10_000,
      ]);
      history.close();
    });
  });

  it('reads lines longer than its buffer', async () => {
    await withFolderAsync(async (folder) => {
      const long = 'y'.repeat(1_000_000);
      await writeBlocks(folder, 'p', [
        { timeMs: 1, text: `a\n${long}\nb\n` },
        { timeMs: 2, text: 'c\n' },
      ]);
      const history = historyOf(folder, 'p');
      history.refresh(Buffer.alloc(4096), always);
      expect([0, 1, 2, 3].map((line) => history.read(line, 10))).toMatchObject([
        { length: 1 },
        { length: 1_000_000, bytes: Buffer.from('y'.repeat(10)) },
        { length: 1, bytes: Buffer.from('b') },
        { length: 1, bytes: Buffer.from('c') },
      ]);
      history.close();
    });
  });

  it('is empty until there is one', () => {
    const history = historyOf(join(tmpdir(), 'no such folder'), 'p');
    expect(history.refresh(Buffer.alloc(1000), always)).toBe(true);
    expect([history.first, history.end]).toEqual([0, 0]);
  });

  it('keeps every line of a writer that rotates in haste', async () => {
    await withFolderAsync(async (folder) => {
      const { HistoryWriter } = await import('../../../src/supervisor/history.ts');
      const writer = new HistoryWriter(folder, 'p', { fileBytes: 20_000, files: 50 });
      const history = historyOf(folder, 'p');
      const buffer = Buffer.alloc(64 * 1024);
      for (let at = 0; at < 300; at++) {
        writer.append(at, 'o', Buffer.from(`${'z'.repeat(99)}\n`.repeat(20)));
        if (at % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
        history.refresh(buffer, always);
      }
      await writer.close();
      history.refresh(buffer, always);
      expect(history.end).toBe(6000);
      history.close();
    });
  });

  it('keeps apart what levels a filter shows', async () => {
    await withFolderAsync(async (folder) => {
      const levels = ['debug', 'info', 'warn', 'error', 'fatal', 'odd'];
      const zap = levels.map((level) => `{"level":"${level}","msg":"m"}\n`).join('');
      await writeBlocks(folder, 'p', [
        { timeMs: 1, text: `${zap}plain\n` },
        { timeMs: 2, stream: 'n', text: 'exited with code 1\n' },
      ]);
      const history = historyOf(folder, 'p');
      history.refresh(Buffer.alloc(1000), always);
      const shown = (['all', 'info', 'warn', 'error'] as const).map((filter) =>
        [0, 1, 2, 3, 4, 5, 6, 7].filter((line) => history.atLevel(filter).has(line)).join(''),
      );
      expect(shown).toEqual(['01234567', '1234567', '23457', '3457']);
      history.close();
    });
  });
});
