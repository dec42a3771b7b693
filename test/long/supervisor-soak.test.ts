/** Processes are killed, stopped, restarted and reloaded at random for minutes; at the end nothing is left of them. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { seededRandom } from '../../src/base/prng.ts';
import { askSupervisor } from '../../src/supervisor/control-client.ts';
import type { RunStatus } from '../../src/supervisor/control-protocol.ts';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { install, Run } from '../e2e/supervisor-harness.ts';

const seconds = Number(process.env['SOAK_SECONDS'] ?? 180);
const seed = Number(process.env['SOAK_SEED'] ?? 1);
/** A supervisor that does not answer for so long hangs, however busy the machine is. */
const statusPatienceMs = 20_000;

const procfile = `obedient: exec sleep 1000
talker: while :; do echo talk; sleep 0.02; done
short: sleep 0.3
failing: sleep 0.2; exit 3
stubborn: trap '' TERM INT; while :; do sleep 0.1; done
forking: (setsid sleep 1000 &) ; sleep 1000 & sleep 1000
double: (trap '' TERM; setsid sh -c 'trap "" TERM; while :; do sleep 0.2; done' &) ; exec sleep 1000
`;
/** Restarts without end, checks that are processes themselves, and an order. */
const config = `defaults: { restart: { when: on-failure, initial: 20ms, max: 300ms, maxRestarts: 1000 } }
processes:
  talker: { ready: { log: talk } }
  short: { restart: { when: always, initial: 50ms, max: 100ms, maxRestarts: 1000 } }
  obedient: { dependsOn: [talker], ready: { exec: sleep 0.05, interval: 10ms } }
  stubborn: { dependsOn: [obedient], ready: { exec: sleep 1000, timeout: 100ms } }
`;
const names = procfile.split('\n').flatMap((line) => line.match(/^\w+(?=:)/) ?? []);

let installation: Installation;
let cwd: string;
beforeAll(async () => {
  installation = await install();
  cwd = mkdtempSync(join(tmpdir(), 'clusterctl-soak-'));
  writeFileSync(join(cwd, 'Procfile'), procfile);
  writeFileSync(join(cwd, 'clusterctl.yaml'), config);
});
afterAll(() => {
  installation.remove();
  rmSync(cwd, { recursive: true, force: true });
});

it(`leaves nothing after ${seconds} s of chaos (seed ${seed})`, async () => {
  const random = seededRandom(seed);
  const pick = <T>(from: readonly T[]): T | undefined => from[random.below(from.length)];
  const run = new Run(installation, { cwd, args: ['start', '--grace', '200ms', '--exit-on-stop=false'] });
  await run.seen(/talk\n/);
  const folder = join(installation.folder, 'run/clusterctl');
  const socket = join(folder, readdirSync(folder).find((name) => name.endsWith('.sock')) ?? '');
  const pending = new Map<Promise<unknown>, string>();
  /** More than two seconds late. */
  let slowAnswers = 0;
  const statusNow = async (): Promise<RunStatus> => {
    const endMs = performance.now() + statusPatienceMs;
    let reply = await askSupervisor(socket, { command: 'status', names: [] });
    while (reply?.ok !== true && run.child.exitCode === null && performance.now() < endMs) {
      slowAnswers++;
      reply = await askSupervisor(socket, { command: 'status', names: [] });
    }
    if (reply?.ok === true) return reply.status;
    const state = `exit code ${run.child.exitCode}, ${pending.size} requests pending`;
    throw new Error(`the supervisor (${state}) answers ${JSON.stringify(reply)}\n${run.stderr}`);
  };
  onTestFailed(() => {
    run.child.kill('SIGTERM');
  });
  const descriptors = () => readdirSync(`/proc/${run.child.pid}/fd`).length;

  const endMs = performance.now() + seconds * 1000;
  let actions = 0;
  while (performance.now() < endMs) {
    actions++;
    const name = pick(names) ?? '';
    const command = pick(['start', 'start', 'stop', 'restart', 'restart-all', 'reload', 'kill'] as const) ?? 'start';
    if (command === 'kill') {
      const victim = (await statusNow()).processes.find((one) => one.name === name);
      if (victim?.pid !== null && victim?.pid !== undefined) tryKill(victim.pid);
    } else {
      if (command === 'reload') writeFileSync(join(cwd, 'Procfile'), changedProcfile(random.below(16)));
      const asked = askSupervisor(socket, {
        command,
        names: command.startsWith('re') && command !== 'restart' ? [] : [name],
      });
      pending.set(asked, `${command} ${name}`);
      void asked.finally(() => pending.delete(asked));
    }
    await new Promise((resolve) => setTimeout(resolve, random.below(60)));
  }
  await Promise.race([Promise.all(pending.keys()), new Promise((resolve) => setTimeout(resolve, 10_000))]);
  expect([...pending.values()]).toEqual([]);
  const last = await statusNow();
  expect(actions).toBeGreaterThan(seconds);
  expect(last.processes.reduce((sum, one) => sum + one.restarts, 0)).toBeGreaterThan(seconds / 2);

  const all = last.processes.map((one) => one.name);
  await askSupervisor(socket, { command: 'stop', names: all });
  for (const one of (await statusNow()).processes) expect(one).toMatchObject({ state: 'stopped', pid: null });
  expect(run.survivors().length).toBe(1); // the supervisor
  expect(descriptors()).toBeLessThan(40 + names.length);
  expect((await run.endBy('SIGINT')).code).toBe(0);
  expect(run.survivors()).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
  if (slowAnswers > 0) console.log(`${slowAnswers} answers took more than two seconds`);
});

/** With some of three more entries, and one of the others changed or not, by the bits of `variant`. */
function changedProcfile(variant: number): string {
  const more = ['x', 'y', 'z'].filter((_, bit) => (variant & (1 << bit)) !== 0);
  const changed = variant >= 8 ? procfile.replace('obedient: exec sleep 1000', 'obedient: exec sleep 1001') : procfile;
  return more.map((name) => `${name}: sleep 1000 & exec sleep 1000\n`).join('') + changed;
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has just ended
  }
}
