/** What `clusterctl.yaml` asks for, reloads and rolling restarts, with real processes. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../src/supervisor/control-protocol.ts';
import { bundledEtcd } from '../support/cluster.ts';
import { freePorts } from '../support/ports.ts';
import { hashesOf, WriteLoad } from '../support/write-load.ts';
import { Run, workplace } from './supervisor-harness.ts';

const place = workplace('SIGTERM', async (run) => {
  if (process.platform === 'linux') await expect.poll(() => run.survivors(), { timeout: 5_000 }).toEqual([]);
});
let cwd: string;
beforeEach(() => {
  cwd = place.cwd;
});

function files(procfile: string, config: string | null): void {
  writeFileSync(join(cwd, 'Procfile'), procfile);
  if (config === null) rmSync(join(cwd, 'clusterctl.yaml'), { force: true });
  else writeFileSync(join(cwd, 'clusterctl.yaml'), config);
}

function start(...args: string[]): Run {
  return place.run(['start', ...args]);
}

/** Standard output, standard error and exit code of one command. */
async function command(...args: string[]): Promise<[string, string, number | null]> {
  const run = new Run(place.installation, { cwd, args });
  const { code } = await run.ended;
  return [run.stdout.toString(), run.stderr, code];
}

async function status(): Promise<RunStatus> {
  return JSON.parse((await command('status', '--json'))[0]);
}

async function pidOf(name: string): Promise<number | null> {
  return (await status()).processes.find((one) => one.name === name)?.pid ?? null;
}

const server = `node -e "require('http').createServer((q, r) => { r.statusCode = 204; r.end() }).listen(process.env.PORT)"`;

describe('clusterctl.yaml', () => {
  it('is checked by check and start, with line and column', async () => {
    files('web: echo up\n', 'processes:\n  web:\n    grace: soon\n  wbe: {}\n');
    const complaint =
      'clusterctl: clusterctl.yaml:3:12: web.grace: expected a duration such as 150ms, 2s or 1m, at most 24h\n';
    expect(await command('check')).toEqual(['', complaint, 2]);
    expect(await command('start')).toEqual(['', complaint, 2]);
    files('web: echo up\n', 'processes: { wbe: {} }\n');
    expect(await command('check')).toEqual([
      '',
      'clusterctl: clusterctl.yaml:1:14: there is no process wbe (there are web)\n',
      2,
    ]);
    expect((await command('check', '--config', 'nosuch.yaml'))[1]).toContain('nosuch.yaml: cannot read');
    writeFileSync(join(cwd, 'other.yaml'), 'processes: { web: { grace: 1s } }\n');
    expect(await command('check', '--config', 'other.yaml')).toEqual(['valid procfile detected (web)\n', '', 0]);
  });

  it('has a schema for editors', async () => {
    const [text, , code] = await command('config', 'schema');
    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ title: 'clusterctl.yaml', type: 'object', additionalProperties: false });
    expect((await command('config'))[2]).toBe(2);
  });

  it('starts processes when those that they depend on are ready', async () => {
    files(
      'web: echo web starts; exec sleep 60\ndb: echo db starts; until test -e go; do sleep 0.05; done; echo accepting; exec sleep 60\n',
      'processes:\n  web: { dependsOn: [db] }\n  db: { ready: { log: ^accepting$ } }\n',
    );
    const run = start('--output', 'ndjson');
    await run.seen(/db starts/);
    const seenMs = performance.now();
    expect((await status()).processes).toMatchObject([
      { name: 'web', state: 'waiting', ready: false, pid: null },
      { name: 'db', state: 'running', ready: false },
    ]);
    const waitedMs = Math.floor(performance.now() - seenMs);
    writeFileSync(join(cwd, 'go'), '');
    await run.seen(/web starts/);
    const records = run.stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ready = records.findIndex((one) => one.event === 'process-ready');
    expect(records[ready]).toMatchObject({ process: 'db', afterMs: expect.any(Number) });
    expect(records[ready].afterMs).toBeGreaterThanOrEqual(waitedMs);
    expect(records.findIndex((one) => one.process === 'web' && one.event === 'starting')).toBeGreaterThan(ready);
    expect(await command('wait', '--for=ready', '--timeout=10s')).toEqual(['', '', 0]);
  });

  it('knows readiness by a port, an answer, and a command', async () => {
    const [port = 0] = await freePorts(1);
    files(
      `a: ${server}\nb: sleep 0.2; touch b.ready; exec sleep 60\nc: sleep 60\nd: sleep 60\ne: sleep 0.2\n`,
      `processes:
  a: { ready: { http: /health, status: 204 }, env: { PORT: ${port} } }
  b: { ready: { exec: test -e b.ready, interval: 20ms }, dependsOn: [a] }
  c: { ready: { http: /health, status: 200 } }
  d: { ready: { port: ${port} }, dependsOn: [e] }
  e: { ready: finished }
`,
    );
    const run = start();
    await run.seen(/a \| ready after/);
    await run.seen(/b \| ready after/);
    await run.seen(/d \| ready after/);
    expect((await status()).processes.map((one) => [one.name, one.ready])).toEqual([
      ['a', true],
      ['b', true],
      ['c', false],
      ['d', true],
      ['e', true],
    ]);
    expect(await command('wait', 'c', '--timeout=100ms')).toEqual([
      '',
      'clusterctl: gave up waiting: c is running, not ready yet\n',
      124,
    ]);
    expect(await command('wait', 'a', 'b', 'e', '--timeout=100ms')).toEqual(['', '', 0]);
  });

  it('does not wait for what has failed', async () => {
    files(
      'web: echo never\nmigrate: exit 3\n',
      'processes: { web: { dependsOn: [migrate] }, migrate: { ready: finished } }\n',
    );
    const run = start('--exit-code=max');
    expect((await run.ended).code).toBe(3);
    expect(run.lines.slice(-2)).toEqual([
      'migrate | exited with code 3',
      'web | not started: migrate ended before it was ready',
    ]);
  });

  it('restarts what fails, ever later, and gives up', async () => {
    files(
      'a: echo try; exit 1\n',
      'processes: { a: { restart: { initial: 50ms, factor: 2, maxRestarts: 3, window: 1m } } }\n',
    );
    const startMs = performance.now();
    const run = start('--exit-on-error');
    expect((await run.ended).code).toBe(1);
    expect(performance.now() - startMs).toBeGreaterThan(350);
    expect(run.lines.filter((line) => line === 'a | try').length).toBe(4);
    expect(run.lines.filter((line) => line.includes('restarting'))).toEqual([
      'a | restarting in 0.05 s',
      'a | restarting in 0.1 s',
      'a | restarting in 0.2 s',
    ]);
    expect(run.lines.at(-1)).toBe('a | given up: it ended 4 times within 60 s');
  });

  it('does not restart what was stopped, not even during the delay', async () => {
    files('a: echo up; exec sleep 60\nb: exit 1\nc: sleep 60\n', 'defaults: { restart: { initial: 1m, max: 1m } }\n');
    const run = start();
    await run.seen(/a \| up/);
    await run.seen(/b \| restarting/);
    expect((await command('run', 'stop', 'a', 'b'))[2]).toBe(0);
    expect((await status()).processes.map((one) => one.state)).toEqual(['stopped', 'stopped', 'running']);
    expect((await run.endBy('SIGINT')).tookMs).toBeLessThan(2_000);
  });

  it('stops a run at once while something waits', async () => {
    files(
      'a: exit 1\nb: sleep 60\nc: echo never\n',
      'processes: { a: { restart: { initial: 1h, max: 1h } }, b: { ready: { log: x } }, c: { dependsOn: [b] } }\n',
    );
    const run = start();
    await run.seen(/restarting in 3600 s/);
    const { code, tookMs } = await run.endBy('SIGINT');
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(2_000);
    expect(run.stdout.toString()).not.toContain('never');
  });

  it('sets signal, grace, environment and folder of each process', async () => {
    mkdirSync(join(cwd, 'sub'));
    files(
      `a: trap 'echo got int; exit' INT; echo "$(basename "$PWD") $X $Y"; while :; do sleep 0.05; done
b: trap '' TERM; echo stubborn; while :; do sleep 0.05; done
c: echo c
`,
      `defaults: { env: { X: all, Y: all } }
processes:
  a: { stopSignal: INT, cwd: sub, env: { Y: 2 } }
  b: { grace: 200ms }
  c: { cwd: nosuch }
`,
    );
    const run = start();
    await run.seen(/sub all 2/);
    await run.seen(/stubborn/);
    await run.seen(/c \| cannot start: there is no folder .*nosuch/);
    expect((await run.endBy('SIGTERM')).tookMs).toBeLessThan(2_500);
    expect(run.lines).toContain('a | got int');
    expect(run.lines.find((line) => line.includes('killing'))).toMatch(/^b \| still running after 0.2 s/);
  });
});

describe('the built command', () => {
  it('starts without the parsers of files that there are not', () => {
    const built = readFileSync(new URL('../../dist/clusterctl.js', import.meta.url), 'utf8');
    for (const mark of ['ZodError', 'LineCounter', 'BLOCK_FOLDED']) expect(built).not.toContain(mark);
    const parsers = readFileSync(new URL('../../dist/config.js', import.meta.url), 'utf8');
    expect(parsers).toContain('ZodError');
  });
});

describe('a reload', () => {
  it('starts, stops and restarts what has changed, and leaves the rest alone', async () => {
    const same = 'same: echo same on $PORT; exec sleep 60\n';
    files(`${same}changed: echo one; exec sleep 60\ngone: exec sleep 60\nsetting: exec sleep 60\n`, null);
    const run = start();
    await run.seen(/same on 5000/);
    await run.seen(/one/);
    const before = [await pidOf('same'), await pidOf('setting'), await pidOf('changed')];
    files(
      `fresh: echo fresh on $PORT; exec sleep 60\n${same}changed: echo two; exec sleep 60\nsetting: exec sleep 60\n`,
      'processes: { setting: { grace: 1s } }\n',
    );
    run.child.kill('SIGHUP');
    await run.seen(/fresh on 5400/);
    await run.seen(/two/);
    await run.seen(/gone \| terminated by SIGTERM/);
    await expect.poll(async () => (await command('run', 'list'))[0]).toBe('fresh\nsame\nchanged\nsetting\n');
    const after = [await pidOf('same'), await pidOf('setting'), await pidOf('changed')];
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[2]).not.toBe(before[2]);
    expect(run.stderr).toContain(
      'clusterctl: reloaded: fresh starts, gone stops, changed restarts, setting is adjusted\n',
    );
    expect(await command('run', 'reload')).toEqual(['', '', 0]);
    expect(run.stderr).toContain('clusterctl: reloaded: nothing has changed\n');
    expect((await command('logs', 'fresh'))[0]).toContain('fresh on');
  });

  it('of broken files changes nothing and says why', async () => {
    files('a: echo up; exec sleep 60\n', null);
    const run = start();
    await run.seen(/up/);
    const pid = await pidOf('a');
    files('a: other\nb: sleep 60\n', 'processes:\n  a: { grace: x }\n');
    const [, complaint, code] = await command('run', 'reload');
    expect(complaint).toContain('clusterctl.yaml:2:15: a.grace: expected a duration');
    expect(code).toBe(1);
    files('# nothing\n', null);
    expect((await command('run', 'reload'))[1]).toContain('Procfile: no valid entry');
    expect([await pidOf('a'), (await command('run', 'list'))[0]]).toEqual([pid, 'a\n']);
    expect(run.stderr).toContain('reload: nothing is changed');
  });

  it('takes back what was leaving', async () => {
    const text = "a: trap '' TERM; echo up; while :; do sleep 0.05; done\n";
    files(`${text}b: sleep 60\n`, null);
    const run = start('--grace', '400ms');
    await run.seen(/up/);
    files('b: sleep 60\n', null);
    await command('run', 'reload');
    files(`${text}b: sleep 60\n`, null);
    await command('run', 'reload');
    await run.seen(/up[\s\S]*killing[\s\S]*up/);
    expect((await command('run', 'list'))[0]).toBe('a\nb\n');
  });
});

describe('a process that was ready', () => {
  it('is not while its check fails, and is again', async () => {
    const server = `const http = require('node:http'), { existsSync } = require('node:fs');
http.createServer((request, answer) => {
  answer.statusCode = existsSync('broken') ? 500 : 200;
  answer.end();
}).listen(Number(process.env.PORT), '127.0.0.1');`;
    writeFileSync(join(cwd, 'server.cjs'), server);
    const [port = 0] = await freePorts(1);
    files(
      'web: exec node server.cjs\n',
      `processes: { web: { ready: { http: /, interval: 20ms }, env: { PORT: "${port}" } } }\n`,
    );
    const run = start('--output', 'ndjson');
    await run.seen(/"event":"process-ready",/);
    expect((await status()).processes[0]?.ready).toBe(true);
    writeFileSync(join(cwd, 'broken'), '');
    await run.seen(/"event":"process-unready","reason":"http:\S+ answers 500"/);
    expect((await status()).processes[0]?.ready).toBe(false);
    rmSync(join(cwd, 'broken'));
    await run.seen(/"event":"process-ready-again"/);
    expect((await status()).processes[0]?.ready).toBe(true);
  });
});

describe('a rolling restart', () => {
  it('restarts one process after the other, each when the one before is ready', async () => {
    const text = (name: string) =>
      `${name}: echo ${name} starts; sleep 0.2; echo serving; trap 'echo ${name} ends; exit' TERM; while :; do sleep 0.02; done\n`;
    files(text('a') + text('b'), 'defaults: { ready: { log: serving } }\n');
    const run = start();
    await run.seen(/(?:ready after[\s\S]*){2}/);
    const from = run.lines.length;
    expect(await command('run', 'restart', '--rolling')).toEqual(['', '', 0]);
    const steps = run.lines.slice(from).filter((line) => /ends|starts|ready/.test(line));
    expect(steps.map((line) => line.replace(/ after.*/, ''))).toEqual([
      'a | a ends',
      'a | a starts',
      'a | ready',
      'b | b ends',
      'b | b starts',
      'b | ready',
    ]);
  });

  it('stops at a process that does not come back', async () => {
    files(
      'a: echo up; test -e broken && exit 1; exec sleep 60\nb: echo up; exec sleep 60\n',
      'processes: { a: { ready: { exec: sleep 0.2 } } }\n',
    );
    const run = start();
    await run.seen(/ready after/);
    await run.seen(/b \| up/);
    const pid = await pidOf('b');
    writeFileSync(join(cwd, 'broken'), '');
    expect(await command('run', 'restart', '--rolling', 'a', 'b')).toEqual([
      '',
      'clusterctl: a is not ready after its restart: it has ended; not restarted: b\n',
      1,
    ]);
    expect(await pidOf('b')).toBe(pid);
  });

  it('waits for each step no longer than it is told', async () => {
    files(
      'a: echo up; while test -e broken; do sleep 0.1; done; echo serving; exec sleep 60\nb: echo serving; exec sleep 60\n',
      'defaults: { ready: { log: serving } }\n',
    );
    const run = start();
    await run.seen(/(?:ready after[\s\S]*){2}/);
    writeFileSync(join(cwd, 'broken'), '');
    expect(await command('run', 'restart', '--rolling', '--timeout', '300ms', 'a', 'b')).toEqual([
      '',
      'clusterctl: a is not ready after its restart: 0.3 s have passed; not restarted: b\n',
      1,
    ]);
  });

  it('of one cluster does not wait for another that is broken', async () => {
    // Stand-ins: a cluster of one each, the second without anybody who answers.
    const server = `require('node:http').createServer((q, a) => a.end('{"health":"true"}')).listen(process.argv[1], '127.0.0.1')`;
    writeFileSync(
      join(cwd, 'etcd'),
      `#!/bin/sh\n[ "$6" = none ] || exec node -e "${server.replaceAll('"', '\\"')}" "$2"\nexec sleep 60\n`,
      {
        mode: 0o755,
      },
    );
    const [port = 0, other = 0] = await freePorts(2);
    const line = (name: string, at: number, last: string) =>
      `${name}: ./etcd --port ${at} --initial-cluster ${name}=http://127.0.0.1:${at} --x ${last} ` +
      `--advertise-client-urls http://127.0.0.1:${at} --config-file none\n`;
    files(line('one', port, 'some') + line('two', other, 'none'), '');
    const run = start();
    await run.seen(/one \| ready after/);
    expect(await command('run', 'restart', '--rolling', '--timeout', '20s', 'one')).toEqual(['', '', 0]);
    const [, refused, code] = await command('run', 'restart', '--rolling', '--timeout', '100ms', 'two', 'one');
    expect(refused).toContain('not restarted: two, one: two is not healthy');
    expect(code).toBe(1);
  });

  it('of a cluster under writes loses no acknowledged write', async () => {
    const run = start('--members', '3', '--etcd', bundledEtcd, '--output', 'ndjson');
    expect(await command('wait', '--members', '3', '--timeout=30s')).toEqual(['', '', 0]);
    const before = (await status()).processes;
    const endpoints = before.map((one) => one.clientUrl ?? '');
    const load = new WriteLoad(endpoints, 8);
    try {
      await load.acknowledges(50);
      const acknowledged = load.acknowledgedWrites;
      expect(await command('run', 'restart', '--rolling')).toEqual(['', '', 0]);
      expect(load.acknowledgedWrites).toBeGreaterThan(acknowledged);
      await load.acknowledges(50);
      await load.stop();
      for (const endpoint of endpoints) expect(await load.violations(endpoint)).toEqual([]);
      expect(new Set(await hashesOf(endpoints)).size).toBe(1);
    } finally {
      await load.stop();
      load.close();
    }
    const after = (await status()).processes;
    expect(after.map((one) => [one.restarts, one.ready])).toEqual([
      [1, true],
      [1, true],
      [1, true],
    ]);
    // Never two of them at the same time.
    const events = run.stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter((one) => one.event === 'exited' || one.event === 'process-ready')
      .slice(3)
      .map((one) => `${one.process} ${one.event}`);
    expect(events).toEqual(['etcd1', 'etcd2', 'etcd3'].flatMap((name) => [`${name} exited`, `${name} process-ready`]));
  });
});
