import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { ProcessScan, tagVariable } from '../../src/supervisor/process-scan.ts';
import { parseProcessTable, processTable } from '../../src/supervisor/process-table.ts';
import { endLeftBehind, RunRecord } from '../../src/supervisor/run-record.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-record-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process group as the supervisor starts it. */
function group(command: string, tag: string): ChildProcess & { readonly pid: number } {
  const child = spawn('/bin/sh', ['-c', command], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], [tagVariable]: tag },
  });
  onTestFinished(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('not spawned');
  return Object.assign(child, { pid });
}

/** The words of ps about a process; null if it is none. */
async function found(pid: number) {
  return (await processTable()).find((one) => one.pid === pid && !one.zombie) ?? null;
}

/** As if another process, which is gone, had written it. */
async function written(record: RunRecord): Promise<void> {
  await record.written();
  const mine = join(folder, `${process.pid}.run`);
  const gone = spawn('/bin/sh', ['-c', 'exit']);
  await once(gone, 'exit');
  const text = readFileSync(mine, 'utf8').replaceAll(`+${process.pid} `, `+${gone.pid} `);
  writeFileSync(mine, text);
  renameSync(mine, join(folder, `${gone.pid}.run`));
}

describe('the record of a run, where nothing but ps tells of processes', () => {
  it('lets the next run end what is left of it, strays of another session too', async () => {
    const runTag = `${process.pid}.left.`;
    const record = new RunRecord(folder, runTag);
    const leader = group('setsid sleep 961 & echo $!; exec sleep 962', `${runTag}0`);
    const bystander = group('exec sleep 963', 'another');
    const over = group('exec sleep 964', 'reused');
    const [first] = await once(leader.stdout ?? leader, 'data');
    const stray = Number(String(first));
    record.groupStarted(leader.pid);
    record.groupStarted(over.pid);
    await record.written();
    record.groupOver(over.pid);
    await written(record);
    const said = await endLeftBehind(folder);
    expect(said.length).toBe(2);
    expect(said.join('\n')).toMatch(new RegExp(`ended process ${leader.pid}, left behind by supervisor \\d+`));
    expect(await found(leader.pid)).toBe(null);
    expect(await found(stray)).toBe(null);
    expect(await found(bystander.pid)).not.toBe(null);
    expect(await found(over.pid)).not.toBe(null);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves a run alone whose supervisor lives, and a process that has the number of another', async () => {
    const record = new RunRecord(folder, 'x.y.');
    const child = group('exec sleep 965', 'x.y.0');
    record.groupStarted(child.pid);
    await record.written();
    expect(await endLeftBehind(folder)).toEqual([]);
    expect(await found(child.pid)).not.toBe(null);
    expect(readdirSync(folder)).toEqual([`${process.pid}.run`]);
    await record.close();
    expect(readdirSync(folder)).toEqual([]);

    const old = 'Sun Nov 22 12:04:01 2020';
    writeFileSync(join(folder, '1.run'), `run other.\n+1 ${old}\n+${child.pid} ${old}\n`);
    expect(await endLeftBehind(folder)).toEqual([]);
    expect(await found(child.pid)).not.toBe(null);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a scan by ps', () => {
  it('finds what is left of an instance, in its group and out of it', async () => {
    const tag = `${process.pid}.scan.0`;
    const child = group('setsid sleep 966 & echo $!; sleep 967 & exit', tag);
    const [text] = await once(child.stdout ?? child, 'data');
    const stray = Number(String(text));
    onTestFinished(() => void process.kill(stray, 'SIGKILL'));
    const scan = new ProcessScan(false);
    const another = { groupId: child.pid, tag: 'another', outputs: [] };
    const mine = { groupId: child.pid, tag, outputs: [] };
    // It may not have made its session yet.
    await expect.poll(() => scan.leftovers(mine)).toEqual({ group: true, strays: [stray] });
    expect(await scan.leftovers(another)).toEqual({ group: true, strays: [] });
    process.kill(-child.pid, 'SIGKILL');
    await expect.poll(() => scan.leftovers(another)).toEqual({ group: false, strays: [] });
  });

  it('reads rows of any width', () => {
    const text =
      '    7     7 Ss   Sun Nov  2 12:04:01 2026 sh -c x A=b\n   12  7 Z+ Sun Nov 22 02:04:01 2026 [sh] <defunct>\nPID\n';
    expect(parseProcessTable(text)).toEqual([
      { pid: 7, groupId: 7, zombie: false, startedAt: 'Sun Nov 2 12:04:01 2026', text: 'sh -c x A=b' },
      { pid: 12, groupId: 7, zombie: true, startedAt: 'Sun Nov 22 02:04:01 2026', text: '[sh] <defunct>' },
    ]);
  });
});
