/**
 * Exports with everything that clusterctl.yaml can say, read by the programs that they are for: systemd-analyze, a supervisord
 * that runs them, and two readers of property lists. Nothing reads upstart's jobs any more: their grammar is a unit test.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { install, Run } from '../e2e/supervisor-harness.ts';

const procfile = `migrate: echo "migrating $MODE in $(pwd)"
db: trap 'echo got int; exit 0' INT; echo db up; while :; do sleep 0.1; done
web: echo web up; while :; do sleep 0.1; done
flaky: echo flaky; exit 3
`;
const config = `defaults: { grace: 3s, env: { MODE: all } }
processes:
  migrate: { dependsOn: [db], ready: finished, env: { MODE: "one %h \\"two\\"" }, cwd: sub }
  db: { stopSignal: INT, grace: 1500ms, restart: always }
  web: { dependsOn: [migrate, db], restart: { when: on-failure, initial: 2s, maxRestarts: 4, window: 1m } }
  flaky: { restart: no }
`;

let installation: Installation;
let folder: string;
beforeAll(async () => {
  installation = await install();
  folder = mkdtempSync(join(installation.folder, 'case '));
  mkdirSync(join(folder, 'sub'));
  mkdirSync(join(folder, 'log'));
  writeFileSync(join(folder, 'Procfile'), procfile);
  writeFileSync(join(folder, 'clusterctl.yaml'), config);
});
afterAll(() => installation.remove());

async function exported(format: string, ...flags: readonly string[]): Promise<{ dir: string; stderr: string }> {
  const run = new Run(installation, { cwd: folder, args: ['export', format, format, ...flags] });
  const { code } = await run.ended;
  expect(run.stderr.replace(/^clusterctl: warning: .*\n/gm, '')).toBe('');
  expect(code).toBe(0);
  return { dir: join(folder, format), stderr: run.stderr };
}

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** The reason of a skip stands in the title, for a skip says nothing else. */
function needs(program: string, title: string): readonly [boolean, string] {
  return has(program) ? [false, title] : [true, `${title} (skipped: there is no ${program} here)`];
}

const [noSystemd, systemdTitle] = needs('systemd-analyze', 'systemd has nothing to say about the units');
it.skipIf(noSystemd)(systemdTitle, async () => {
  const { dir } = await exported('systemd', '--user', 'root', '--log', join(folder, 'log'));
  const files = readdirSync(dir).map((name) => join(dir, name));
  expect(files.length).toBe(5);
  const verified = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
  expect(verified.stderr + verified.stdout).toBe('');
  expect(verified.status).toBe(0);
  const text = (name: string) => readFileSync(join(dir, `app-${name}.1.service`), 'utf8');
  for (const line of ['Type=oneshot', 'Restart=no', `WorkingDirectory=${folder}/sub`, 'Wants=app-db.1.service']) {
    expect(text('migrate')).toContain(`\n${line}\n`);
  }
  for (const line of ['KillSignal=SIGINT', 'TimeoutStopSec=2s', 'Restart=always', 'StartLimitBurst=11']) {
    expect(text('db')).toContain(`\n${line}\n`);
  }
  const ofWeb = ['Requires=app-migrate.1.service', 'After=app-migrate.1.service', 'After=app-db.1.service'];
  for (const line of [...ofWeb, 'Restart=on-failure', 'RestartSec=2000ms', 'KillSignal=SIGTERM', 'TimeoutStopSec=3s']) {
    expect(text('web')).toContain(`\n${line}\n`);
  }
  expect(text('flaky')).toContain('\nRestart=no\n');
});

const [noSupervisord, supervisordTitle] = needs('supervisord', 'supervisord runs the programs, and ends them as said');
it.skipIf(noSupervisord)(supervisordTitle, async () => {
  const { dir, stderr } = await exported('supervisord', '--user', '', '--log', join(folder, 'log'));
  expect(stderr).toContain('supervisord starts in order, but waits for nothing to be ready: migrate, web');
  const file = join(folder, 'supervisord.conf');
  const socket = join(folder, 'ctl.sock');
  writeFileSync(
    file,
    `[supervisord]
nodaemon=true
logfile=${folder}/supervisord.log
pidfile=${folder}/supervisord.pid
childlogdir=${folder}/log
[unix_http_server]
file=${socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${socket}
[include]
files="${dir}/app.conf"
`.replace(`"${dir}/app.conf"`, 'supervisord/app.conf'), // relative to the file: a blank would end it
  );
  const child = spawn('supervisord', ['-c', file], { cwd: folder, stdio: 'ignore' });
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = (name: string) => {
    const log = join(folder, 'log', `${name}-1.log`);
    return existsSync(log) ? readFileSync(log, 'utf8') : '';
  };
  await expect.poll(() => said('web'), { timeout: 15_000 }).toContain('web up\n');
  await expect.poll(() => said('db'), { timeout: 5_000 }).toContain('db up\n');
  await expect.poll(() => said('migrate')).toBe(`migrating one %h "two" in ${folder}/sub\n`);
  const status = () => spawnSync('supervisorctl', ['-c', file, 'status'], { encoding: 'utf8' }).stdout;
  const state = (name: string) => new RegExp(`app:app-${name}-1\\s+(\\w+)`).exec(status())?.[1];
  await expect.poll(() => state('web'), { timeout: 5_000 }).toBe('RUNNING');
  await expect.poll(() => state('db')).toBe('RUNNING');
  await expect.poll(() => state('migrate')).toBe('EXITED');
  // Not started again after it ran; supervisord tries again what ends within its first second.
  await expect.poll(() => said('flaky')).toContain('flaky\n');
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
  expect(said('db')).toBe('db up\ngot int\n');
  expect(readFileSync(join(folder, 'supervisord.log'), 'utf8')).toContain('stopped: app-db-1 (exit status 0)');
});

const [noPython, pythonTitle] = needs('python3', 'plistlib reads what is said to launchd');
it.skipIf(noPython)(pythonTitle, async () => {
  writeFileSync(join(folder, 'clusterctl.yaml'), config.replace('stopSignal: INT, ', ''));
  const { dir, stderr } = await exported('launchd', '--user', '');
  writeFileSync(join(folder, 'clusterctl.yaml'), config);
  expect(stderr).toContain('launchd starts all at once: migrate, web waits for nothing');
  const script = 'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"))))';
  const read = (name: string): Record<string, unknown> =>
    JSON.parse(execFileSync('python3', ['-c', script, join(dir, `app-${name}-1.plist`)], { encoding: 'utf8' }));
  expect(read('web')).toMatchObject({ KeepAlive: { SuccessfulExit: false }, ThrottleInterval: 2, ExitTimeOut: 3 });
  expect(read('db')).toMatchObject({ KeepAlive: true, ThrottleInterval: 1, ExitTimeOut: 2, WorkingDirectory: folder });
  expect(read('flaky')).toMatchObject({ KeepAlive: false, EnvironmentVariables: { MODE: 'all' } });
  const migrate = {
    KeepAlive: false,
    EnvironmentVariables: { MODE: 'one %h "two"' },
    WorkingDirectory: `${folder}/sub`,
  };
  expect(read('migrate')).toMatchObject(migrate);
});

const [noPlistutil, plistutilTitle] = needs('plistutil', 'plistutil reads the property lists');
it.skipIf(noPlistutil)(plistutilTitle, async () => {
  writeFileSync(join(folder, 'clusterctl.yaml'), config.replace('stopSignal: INT, ', ''));
  const { dir } = await exported('launchd', '--user', '');
  writeFileSync(join(folder, 'clusterctl.yaml'), config);
  for (const name of readdirSync(dir)) {
    const json = execFileSync('plistutil', ['-i', join(dir, name), '-f', 'xml', '-o', '-'], { encoding: 'utf8' });
    expect(json).toContain('<key>ProgramArguments</key>');
  }
});
