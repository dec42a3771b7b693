/** The terminal is given back however a process that has taken it ends: a program of its own for each way, in a pseudo-terminal. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { enterSequence, leaveSequence } from '../../src/ui/terminal/terminal.ts';
import { DashboardTerminal } from './dashboard-terminal.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-crash-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = fileURLToPath(new URL('../../src/ui/terminal/terminal.ts', import.meta.url));

/** All that a program writes that takes the terminal and then does `end`. */
async function outcome(name: string, end: string): Promise<{ bytes: string; code: number }> {
  const file = join(folder, `${name}.mjs`);
  const program = `
    import { Terminal } from ${JSON.stringify(source)};
    const terminal = new Terminal(process.stdin, process.stdout, { onText() {}, onResize() {}, onReturned() {}, onDrained() {} });
    terminal.enter();
    terminal.write('a frame');
    setTimeout(() => { ${end} }, 50);
  `;
  await build({
    stdin: { contents: program, resolveDir: folder },
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  });
  const env = { PATH: process.env['PATH'] ?? '', TERM: 'xterm' };
  const terminal = new DashboardTerminal({
    file: process.execPath,
    args: [file],
    cwd: folder,
    env,
    columns: 80,
    rows: 24,
  });
  const code = await terminal.ended;
  return { bytes: terminal.bytes, code };
}

describe('the terminal', () => {
  it.each([
    ['closed', 'terminal.close(); process.exitCode = 3;', 3],
    ['exit', 'process.exit(4);', 4],
    ['thrown', "throw new Error('a bug');", 1],
    ['rejected', "Promise.reject(new Error('a bug'));", 1],
  ])('is as it was before after: %s', async (name, end, expected) => {
    const { bytes, code } = await outcome(name, end);
    expect(code).toBe(expected);
    expect(bytes.startsWith(enterSequence)).toBe(true);
    expect(bytes.split(leaveSequence)).toHaveLength(2);
    // What is said of a bug is on the screen that stays.
    const after = bytes.slice(bytes.indexOf(leaveSequence));
    if (end.includes('a bug')) expect(after).toContain('Error: a bug');
  });
});
