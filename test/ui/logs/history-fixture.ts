/** History files for tests, and what a plain reading of them says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HistoryWriter } from '../../../src/supervisor/history.ts';
import type { HistoryStream } from '../../../src/supervisor/history-format.ts';
import { HistoryReader } from '../../../src/supervisor/history-reader.ts';
import { PageCache } from '../../../src/ui/logs/page-table.ts';
import { ProcessHistory } from '../../../src/ui/logs/process-history.ts';

export interface PlainLine {
  readonly name: string;
  readonly timeMs: number;
  readonly stream: HistoryStream;
  readonly bytes: Buffer;
}

/** All lines that are kept of a process. */
export function plainLines(folder: string, name: string): PlainLine[] {
  const reader = new HistoryReader(folder, name);
  const lines: PlainLine[] = [];
  for (const { timeMs, stream, block } of reader.read()) {
    let from = 0;
    while (from < block.length) {
      const end = block.indexOf(0x0a, from);
      const to = end < 0 ? block.length : end;
      lines.push({ name, timeMs, stream, bytes: Buffer.from(block.subarray(from, to)) });
      from = to + 1;
    }
  }
  reader.close();
  return lines;
}

export function withFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-logs-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function withFolderAsync(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-logs-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function writeBlocks(
  folder: string,
  name: string,
  blocks: readonly { readonly timeMs: number; readonly stream?: HistoryStream; readonly text: string }[],
  limits = { fileBytes: 16 * 1024 * 1024, files: 2 },
): Promise<void> {
  const writer = new HistoryWriter(folder, name, limits);
  for (const { timeMs, stream = 'o', text } of blocks) writer.append(timeMs, stream, Buffer.from(text));
  await writer.close();
}

export function historyOf(folder: string, name: string): ProcessHistory {
  return new ProcessHistory(folder, name, new PageCache());
}

export const always = (): boolean => true;
