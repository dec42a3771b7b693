/**
 * `clusterctl start` beside goreman, foreman and concurrently in one run, so that a noisy machine slows all: lines a second into
 * a file with a check of every line, start and stop of many processes, memory at rest.
 *
 *   npm run bench -- supervisor [--lines 1000000] [--processes 100] [--rounds 3] [--only clusterctl]
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

interface Tool {
  readonly name: string;
  /** Runs the Procfile of the working folder. */
  readonly command: readonly string[];
  /** Part of the lines that it gets, for one that would take minutes. */
  readonly share: number;
}

const goremanVersion = 'v0.3.19';
const lineBytes = 100;
const kernelTicksPerSecond = 100;
const sampleIntervalMs = 20;
/** A tool that does not end in time is reported, killed and left out of later rounds. */
const patienceMs = 60_000;

function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

const linesEach = Number(option('lines') ?? 1_000_000);
const processCount = Number(option('processes') ?? 100);
const rounds = Number(option('rounds') ?? 3);
const folder = mkdtempSync(join(tmpdir(), 'clusterctl-bench-'));

/** A child prints `NAME 0000001 xxx…E` in lines of 100 bytes, 64 KiB at a time; or `ready` once, and waits for its end. */
const generatorInC = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
static char buffer[65536 + 128];
int main(int count, char **words) {
  if (count < 3) {
    signal(SIGINT, end);
    signal(SIGTERM, end);
    if (write(1, "ready\\n", 6) != 6) return 1;
    for (;;) pause();
  }
  long lines = atol(words[2]);
  size_t used = 0;
  for (long number = 1; number <= lines; number++) {
    char *line = buffer + used;
    memset(line, 'x', ${lineBytes});
    int head = snprintf(line, ${lineBytes}, "%s %07ld ", words[1], number);
    line[head] = 'x';
    line[${lineBytes - 2}] = 'E';
    line[${lineBytes - 1}] = '\\n';
    used += ${lineBytes};
    if (used < 65536 && number < lines) continue;
    for (size_t done = 0; done < used;) {
      ssize_t wrote = write(1, buffer + done, used - done);
      if (wrote < 0) return 1;
      done += (size_t)wrote;
    }
    used = 0;
  }
  return 0;
}
`;
const generatorInNode = `
const { writeSync } = require('node:fs');
const [name, lines] = process.argv.slice(2);
if (lines === undefined) {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
  writeSync(1, 'ready\\n');
  setInterval(() => {}, 1 << 30);
} else for (let number = 1; number <= Number(lines); ) {
  let block = '';
  for (; block.length < 65536 && number <= Number(lines); number++)
    block += (name + ' ' + String(number).padStart(7, '0') + ' ').padEnd(${lineBytes - 2}, 'x') + 'E\\n';
  for (let bytes = Buffer.from(block); bytes.length > 0; ) bytes = bytes.subarray(writeSync(1, bytes));
}
`;

/** The generator's command line, without its arguments. */
function makeGenerator(): string {
  const source = join(folder, 'generate.c');
  const program = join(folder, 'generate');
  writeFileSync(source, generatorInC);
  const compiled = spawnSync('cc', ['-O2', '-o', program, source], { stdio: 'ignore' });
  if (compiled.status === 0) return program;
  console.log("no C compiler: the lines come from Node, which costs time that is not the supervisors'");
  writeFileSync(`${program}.cjs`, generatorInNode);
  return `${process.execPath} ${program}.cjs`;
}

function onPath(program: string): string | null {
  const folders = [resolve('node_modules/.bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((one) => join(one, program)).find((file) => existsSync(file)) ?? null;
}

/** Built once and kept between runs; null after saying why it cannot be had. */
function goreman(): string | null {
  const installed = onPath('goreman');
  if (installed !== null) return installed;
  const cache = join(tmpdir(), `clusterctl-bench-goreman-${goremanVersion}-${process.getuid?.() ?? 0}`);
  const program = join(cache, 'goreman');
  if (existsSync(program)) return program;
  // A module that requires this version needs no list of the others.
  mkdirSync(cache, { recursive: true });
  const required = `require github.com/mattn/goreman ${goremanVersion}`;
  writeFileSync(join(cache, 'go.mod'), `module bench\n\ngo 1.21\n\n${required}\n`);
  const args = ['build', '-mod=mod', '-o', program, 'github.com/mattn/goreman'];
  const go = spawnSync('go', args, { cwd: cache, encoding: 'utf8' });
  if (go.status === 0) return program;
  console.log(
    `goreman is skipped: ${go.error === undefined ? go.stderr.trim().split('\n').at(-1) : 'no Go to build it'}`,
  );
  return null;
}

function tools(): readonly Tool[] {
  const clusterctl = [process.execPath, resolve('dist/clusterctl.js'), 'start'];
  const found: Tool[] = [
    { name: 'clusterctl', command: clusterctl, share: 1 },
    { name: 'clusterctl, no history', command: [...clusterctl, '--history=false'], share: 1 },
  ];
  const goremanProgram = goreman();
  if (goremanProgram !== null) {
    const command = [goremanProgram, '-rpc-server=false', '-exit-on-stop', 'start'];
    found.push({ name: `goreman ${goremanVersion}`, command, share: 1 });
  }
  const foreman = onPath('foreman');
  if (foreman === null) console.log('foreman is skipped: it is not installed');
  else found.push({ name: 'foreman', command: [foreman, 'start'], share: 0.1 });
  const concurrently = onPath('concurrently');
  if (concurrently === null) console.log('concurrently is skipped: it is not installed');
  // It has no Procfile: the commands are added to its command line.
  else found.push({ name: 'concurrently', command: [concurrently, '--raw=false'], share: 1 });
  const only = option('only');
  return only === undefined ? found : found.filter((tool) => tool.name.startsWith(only));
}

interface Running {
  readonly child: ChildProcess;
  /** False if it had to be killed. */
  readonly ended: Promise<boolean>;
  /** Of the supervisor alone: CPU seconds and peak megabytes, as last seen. */
  usage(): { readonly cpuSeconds: number; readonly peakMegabytes: number; readonly megabytes: number };
}

function run(tool: Tool, commands: readonly string[], stdout: number | 'pipe'): Running {
  const cwd = mkdtempSync(join(folder, 'run-'));
  writeFileSync(join(cwd, 'Procfile'), commands.map((command, at) => `p${at + 1}: ${command}\n`).join(''));
  const state = join(folder, 'state');
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const [program = '', ...args] = tool.command;
  const child = spawn(program, tool.name === 'concurrently' ? [...args, ...commands] : args, {
    cwd,
    env: { ...process.env, XDG_STATE_HOME: state, XDG_RUNTIME_DIR: state },
    stdio: ['ignore', stdout, 'ignore'],
    detached: true, // so that its group can be killed
  });
  let usage = { cpuSeconds: 0, peakMegabytes: 0, megabytes: 0 };
  const look = setInterval(() => {
    usage = readUsage(child.pid ?? 0) ?? usage;
  }, sampleIntervalMs);
  const ended = new Promise<boolean>((done) => {
    const timer = setTimeout(() => {
      console.log(`${tool.name} hangs: it did not end in ${patienceMs / 1000} s`);
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      done(false);
    }, patienceMs);
    child.once('exit', () => {
      clearInterval(look);
      clearTimeout(timer);
      done(true);
    });
  });
  return { child, ended, usage: () => usage };
}

function readUsage(pid: number): ReturnType<Running['usage']> | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const kilobytes = (field: string) => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0);
    const ticks = Number(fields[11]) + Number(fields[12]);
    const megabytes = kilobytes('VmRSS') / 1024;
    if (megabytes === 0) return null; // it is just ending
    return { cpuSeconds: ticks / kernelTicksPerSecond, peakMegabytes: kilobytes('VmHWM') / 1024, megabytes };
  } catch {
    return null; // no Linux, or it has ended
  }
}

interface Flood {
  readonly linesPerSecond: number;
  /** Lines that are not there whole and in their order. */
  readonly damaged: number;
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
}

const names = ['a', 'b', 'c'];

async function flood(tool: Tool, generator: string): Promise<Flood | null> {
  const lines = Math.ceil(linesEach * tool.share);
  const file = join(folder, 'output');
  const descriptor = openSync(file, 'w');
  const startMs = performance.now();
  const running = run(
    tool,
    names.map((name) => `exec ${generator} ${name} ${lines}`),
    descriptor,
  );
  const finished = await running.ended;
  const seconds = (performance.now() - startMs) / 1000;
  if (!finished) return null;
  const intact = await countIntact(file);
  rmSync(file);
  const { cpuSeconds, peakMegabytes } = running.usage();
  const total = names.length * lines;
  return { linesPerSecond: total / seconds, damaged: total - intact, cpuSeconds, peakMegabytes };
}

/** Lines of children that are whole, alone on their line and in their order. */
async function countIntact(file: string): Promise<number> {
  const next = new Map(names.map((name) => [name, 1]));
  const payloadLength = lineBytes - 1;
  const filler = `${'x'.repeat(payloadLength - 'a 0000001 '.length - 1)}E`;
  let intact = 0;
  for await (const line of createInterface({
    input: createReadStream(file, { encoding: 'latin1', highWaterMark: 1 << 20 }),
  })) {
    const at = line.length - payloadLength;
    const name = line[at] ?? '';
    const number = Number(line.slice(at + 2, at + 9));
    if (at < 0 || at > 48 || !line.endsWith(filler) || number < (next.get(name) ?? Infinity)) continue;
    next.set(name, number + 1);
    intact++;
  }
  return intact;
}

interface Crowd {
  readonly startSeconds: number;
  readonly stopSeconds: number;
}

/** From the supervisor's exec to the last child's first line, and from SIGINT to the supervisor's end. */
async function crowd(tool: Tool, generator: string): Promise<Crowd | null> {
  const startMs = performance.now();
  const running = run(
    tool,
    Array.from({ length: processCount }, () => `exec ${generator}`),
    'pipe',
  );
  let ready = 0;
  await new Promise<void>((done) => {
    let text = '';
    running.child.stdout?.setEncoding('latin1');
    running.child.stdout?.on('data', (chunk: string) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      ready += lines.filter((line) => line.endsWith('ready')).length;
      if (ready >= processCount) done();
    });
    void running.ended.then(() => done());
  });
  const readyMs = performance.now();
  running.child.kill('SIGINT');
  if (!(await running.ended)) return null;
  return { startSeconds: (readyMs - startMs) / 1000, stopSeconds: (performance.now() - readyMs) / 1000 };
}

/** Megabytes of the supervisor alone, with three children that say nothing more. */
async function rest(tool: Tool, generator: string): Promise<number> {
  const running = run(
    tool,
    names.map(() => `exec ${generator}`),
    'pipe',
  );
  running.child.stdout?.resume();
  await new Promise((done) => setTimeout(done, 2_000));
  const { megabytes } = running.usage();
  running.child.kill('SIGINT');
  await running.ended;
  return megabytes;
}

/** How long Node alone takes to start and end, in seconds. */
function nodeSeconds(): number {
  const startMs = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return (performance.now() - startMs) / 1000;
}

function spread(values: readonly number[], digits: number): string {
  if (values.length === 0) return '-';
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((one) => one?.toFixed(digits)).join('/');
}

async function main(): Promise<void> {
  const generator = makeGenerator();
  const subjects = tools();
  console.log(
    `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.versions.node}; min/median/max of ${rounds}`,
  );
  const nodeStart = Array.from({ length: 5 }, nodeSeconds);
  console.log(`node -e 0: ${spread(nodeStart, 3)} s`);
  const floods = new Map<Tool, Flood[]>(subjects.map((tool) => [tool, []]));
  const crowds = new Map<Tool, Crowd[]>(subjects.map((tool) => [tool, []]));
  const rests = new Map<Tool, number>();
  const hung = new Set<Tool>();
  for (let round = 0; round < rounds; round++) {
    for (const tool of subjects) {
      if (hung.has(tool)) continue;
      if (round === 0) rests.set(tool, await rest(tool, generator));
      const flooded = await flood(tool, generator);
      const crowded = await crowd(tool, generator);
      if (flooded !== null) floods.get(tool)?.push(flooded);
      if (crowded !== null) crowds.get(tool)?.push(crowded);
      if (flooded === null || crowded === null) hung.add(tool);
    }
  }
  console.log(
    `\n| | 3 x ${linesEach} lines: k lines/s | damaged | CPU s | peak MB | start ${processCount} s | stop s | idle MB |`,
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const tool of subjects) {
    const flooded = floods.get(tool) ?? [];
    const crowded = crowds.get(tool) ?? [];
    const cells = [
      `${tool.name}${tool.share === 1 ? '' : ` (${tool.share} of the lines)`}`,
      spread(
        flooded.map((one) => one.linesPerSecond / 1000),
        0,
      ),
      spread(
        flooded.map((one) => one.damaged),
        0,
      ),
      spread(
        flooded.map((one) => one.cpuSeconds),
        2,
      ),
      spread(
        flooded.map((one) => one.peakMegabytes),
        0,
      ),
      spread(
        crowded.map((one) => one.startSeconds),
        3,
      ),
      spread(
        crowded.map((one) => one.stopSeconds),
        3,
      ),
      (rests.get(tool) ?? 0).toFixed(0),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  console.log(`load at the end ${loadavg()[0]?.toFixed(1)}`);
}

await main().finally(() => rmSync(folder, { recursive: true, force: true }));
