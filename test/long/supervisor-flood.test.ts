/** Three processes print 50,000 lines a second each, for minutes: the supervisor's memory stays where it was. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { install } from '../e2e/supervisor-harness.ts';

const seconds = Number(process.env['FLOOD_SECONDS'] ?? 120);
const linesPerSecond = Number(process.env['FLOOD_LINES'] ?? 50_000);
const sampleMs = 1_000;
/** The output is not kept: at this size the file is begun again. */
const fileBytesMax = 256 * 1024 * 1024;
/** A leak of a byte for each line would be more than this within two minutes. */
const growthMegabytesMax = 12;

/** Prints what is due every 20 ms, in lines of 100 bytes. */
const generator = `
const { writeSync } = require('node:fs');
const perSecond = Number(process.argv[2]);
const start = performance.now();
let printed = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - start) / 1000) * perSecond);
  for (; printed < due; ) {
    let block = '';
    for (; printed < due && block.length < 65536; printed++) block += String(printed).padEnd(99, 'x') + '\\n';
    for (let bytes = Buffer.from(block); bytes.length > 0; ) bytes = bytes.subarray(writeSync(1, bytes));
  }
}, 20);
`;

let installation: Installation;
let cwd: string;
beforeAll(async () => {
  installation = await install();
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-flood-'));
  writeFileSync(join(cwd, 'generate.cjs'), generator);
  const command = `exec ${process.execPath} generate.cjs ${linesPerSecond}`;
  writeFileSync(join(cwd, 'Procfile'), ['a', 'b', 'c'].map((name) => `${name}: ${command}\n`).join(''));
});
afterAll(() => {
  installation.remove();
  rmSync(cwd, { recursive: true, force: true });
});

it.skipIf(process.platform !== 'linux')(
  `grows no memory in ${seconds} s of 3 x ${linesPerSecond} lines/s`,
  async () => {
    const file = join(cwd, 'output');
    const descriptor = openSync(file, 'a');
    const child = spawn(installation.bin, ['start', '--history-size', '16M'], {
      cwd,
      env: {
        PATH: process.env['PATH'],
        XDG_RUNTIME_DIR: join(installation.folder, 'run'),
        XDG_STATE_HOME: join(installation.folder, 'state'),
      },
      stdio: ['ignore', descriptor, 'inherit'],
    });
    closeSync(descriptor);
    const exited = once(child, 'exit');
    onTestFinished(() => void child.kill('SIGKILL'));
    const samples: number[] = [];
    let written = 0;
    const begin = () => {
      written += statSync(file).size;
      truncateSync(file);
    };
    for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs; ) {
      await sleep(sampleMs);
      samples.push(megabytes(child.pid ?? 0));
      if (statSync(file).size > fileBytesMax) begin();
    }
    child.kill('SIGINT');
    expect((await exited)[0]).toBe(0);
    begin();

    const every = Math.max(1, Math.floor(samples.length / 20));
    const shown = samples.filter((_, at) => at % every === 0).map((one) => one.toFixed(0));
    const lines = written / 116; // a prefix of 15:04:05 a | and the line; notes do not matter
    console.log(`${(lines / 1e6).toFixed(1)} M lines; RSS in MB, every ${every} s: ${shown.join(' ')}`);
    expect(lines).toBeGreaterThan(0.5 * 3 * linesPerSecond * seconds); // a busy machine may be late
    const quarter = Math.floor(samples.length / 4);
    const [early, late] = [median(samples.slice(quarter, 2 * quarter)), median(samples.slice(-quarter))];
    expect(late - early).toBeLessThan(growthMegabytesMax);
    expect(Math.max(...samples)).toBeLessThan(160);
  },
  (seconds + 60) * 1000,
);

function megabytes(pid: number): number {
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kilobytes) / 1024;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
