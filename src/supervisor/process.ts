/** Runs one spec as an OS process: carries out what the machine decides, and tells it what happened. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { unreachable } from '../base/assert.ts';
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import type { ProcessStatus } from './control-protocol.ts';
import { directCommand } from './direct-command.ts';
import type { LogChannel } from './log-mux.ts';
import type { Effect, Exit, Input, Signal, State } from './process-machine.ts';
import { idle, step } from './process-machine.ts';
import type { ProcessScan } from './process-scan.ts';
import { outputsOf, tagVariable } from './process-scan.ts';
import type { ReadyCheck } from './ready-check.ts';
import { ReadyWatch } from './ready-watch.ts';
import type { RestartPolicy } from './restart-policy.ts';
import { decideRestart } from './restart-policy.ts';

/** Everything that spawning needs. */
export interface ProcessSpec {
  readonly name: string;
  /** For `/bin/sh -c`. */
  readonly command: string;
  readonly cwd: string;
  /** The whole environment; the tag of the instance is added. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly graceMs: number;
  /** The entry of the Procfile that it is an instance of. */
  readonly entry: string;
  /** Its PORT, if it has one. */
  readonly port: number | null;
  /** How clients reach it, if it is an etcd. */
  readonly endpoint: MemberEndpoint | null;
  /** Where its admin socket is, if it is an etcd that offers one (base/admin-protocol.ts). */
  readonly adminSocket: string | null;
  /** Said in the log when it starts. */
  readonly greeting: readonly string[];
  readonly ready: ReadyCheck;
  /** Names of the processes that it waits for before it starts. */
  readonly dependsOn: readonly string[];
  readonly restart: RestartPolicy;
  /** Asks it to end, whatever asks the others; null for the same. */
  readonly stopSignal: Signal | null;
}

export interface ProcessEvents {
  /** It runs, as the process group of this id, with these outputs (`outputsOf`). */
  onStarted(groupId: number, outputs: readonly string[]): void;
  /** The process itself has ended; something of its group may still be alive. */
  onExited(exit: Exit): void;
  /** Nothing of the group is alive any more. */
  onGone(groupId: number): void;
  /**
   * Nothing of the process is alive any more, and all of its output has been read. `wanted`: it was told to end. `again`: it
   * starts again by itself.
   */
  onEnded(exit: Exit, wanted: boolean, again: boolean): void;
  /** Its state, or whether it is ready, may be another. */
  onChanged(): void;
}

/** Between two looks at leftovers that have been told to end. */
const surveyIntervalMs = 20;
/** How long a leader may outlive SIGKILL. */
const lastMs = 1_000;

export class SupervisedProcess {
  #spec: ProcessSpec;
  readonly #tag: string;
  readonly #log: LogChannel;
  readonly #scan: ProcessScan;
  readonly #events: ProcessEvents;
  #state: State = idle;
  #groupId = 0;
  /** Whose exit is awaited. */
  #leader: ChildProcess | null = null;
  /** Sockets that are standard output and error of its leader. */
  #outputs: readonly string[] = [];
  #strays: readonly number[] = [];
  #grace: NodeJS.Timeout | null = null;
  readonly #inputs: Input[] = [];
  #stepping = false;
  #draining = 0;
  /** Its group has been suspended, and nobody has resumed it. */
  #paused = false;
  /** This instance has been told to end. */
  #told = false;
  /** Something of it does not die. */
  #leftBehind = false;
  /** The next instance waits for the last words of the one before. */
  #spawnWaits = false;
  #starts = 0;
  #startedAt: Date | null = null;
  #exit: Exit | null = null;
  #watchers: (() => void)[] = [];
  #watch: ReadyWatch | null = null;
  /** When this instance was started, by `performance.now`, and with which variables. */
  #spawned: { readonly atMs: number; readonly env: ProcessSpec['env'] } = { atMs: 0, env: {} };
  #ready = false;
  #delay: NodeJS.Timeout | null = null;
  /** When the restart policy started it again, in milliseconds of `performance.now`. */
  #restarts: readonly number[] = [];

  /** `tag`, unique on this machine, marks everything that the process starts. */
  constructor(spec: ProcessSpec, tag: string, log: LogChannel, scan: ProcessScan, events: ProcessEvents) {
    this.#spec = spec;
    this.#tag = tag;
    this.#log = log;
    this.#scan = scan;
    this.#events = events;
  }

  get spec(): ProcessSpec {
    return this.#spec;
  }

  /** What it is from its next start on; how it is treated, at once. Of the same name. */
  adopt(spec: ProcessSpec): void {
    const isLookedAtAnew = JSON.stringify(spec.ready) !== JSON.stringify(this.#spec.ready);
    this.#spec = spec;
    // A line that its log may have had already is waited for after the next start only.
    if (isLookedAtAnew && spec.ready.type !== 'log' && this.#watch !== null) {
      this.#watch.close();
      this.#watchReadiness();
    }
  }

  /**
   * It runs, and its check has succeeded since it started and does not fail now; or it has finished, if that is what its check
   * asks for.
   */
  get ready(): boolean {
    if (this.#spec.ready.type === 'finished') return this.over && this.#exit?.code === 0;
    return this.#ready && this.#state.type === 'running';
  }

  get state(): State {
    return this.#state;
  }

  /** Nothing is alive, nothing is about to start, and all output has been read. */
  get over(): boolean {
    return this.#state.type === 'idle' && this.#draining === 0;
  }

  /** It is suspended: it is there, and does nothing. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Suspends everything of its process group, until it is resumed or told to end; nothing happens unless it runs. */
  pause(): void {
    if (this.#state.type !== 'running' || this.#paused || this.#groupId === 0) return;
    this.#paused = true;
    trySignal(-this.#groupId, 'SIGSTOP');
    this.#changed();
  }

  /** Lets it go on. */
  resume(): void {
    if (!this.#paused) return;
    this.#goOn();
    this.#changed();
  }

  #goOn(): void {
    this.#paused = false;
    trySignal(-this.#groupId, 'SIGCONT');
  }

  /** The process id of the leader, which is the id of its group too; 0 before the first start. */
  get pid(): number {
    return this.#groupId;
  }

  start(): void {
    this.#restarts = [];
    this.#feed({ type: 'start' });
  }

  /** To be started once others are ready. */
  hold(): void {
    this.#restarts = [];
    this.#feed({ type: 'hold' });
  }

  /** Asks the whole group to end; what has not ended after the grace period is killed. */
  stop(signal: Signal): void {
    this.#feed({ type: 'stop', signal: this.#spec.stopSignal ?? signal });
  }

  restart(signal: Signal): void {
    this.#feed({ type: 'restart', signal: this.#spec.stopSignal ?? signal });
  }

  kill(): void {
    this.#feed({ type: 'kill' });
  }

  /** The last resort when the supervisor itself must end at once: nothing is awaited. */
  killNow(): void {
    if (this.#state.type === 'idle') return;
    this.#watch?.close();
    this.#signalGroup('SIGKILL');
    for (const pid of this.#strays) trySignal(pid, 'SIGKILL');
  }

  /** How often it has been started. */
  get starts(): number {
    return this.#starts;
  }

  /** Resolves as soon as `condition` holds, to true, or when the patience is over; it is looked at after every change. */
  async until(condition: () => boolean, patienceMs: number | null = null): Promise<boolean> {
    let late = false;
    const giveUp = () => {
      late = true;
      this.#wake();
    };
    const timer = patienceMs === null ? null : setTimeout(giveUp, patienceMs);
    while (!condition() && !late) await new Promise<void>((resolve) => this.#watchers.push(resolve));
    clearTimeout(timer ?? undefined);
    return condition();
  }

  status(now: Date): ProcessStatus {
    const type = this.#state.type;
    const state = type === 'running' || type === 'waiting' ? type : this.over ? 'stopped' : 'stopping';
    const isUp = state === 'running' || state === 'stopping';
    const uptimeMs = !isUp || this.#startedAt === null ? null : now.getTime() - this.#startedAt.getTime();
    return {
      name: this.#spec.name,
      entry: this.#spec.entry,
      state,
      ready: this.ready,
      paused: this.#paused,
      pid: !isUp || this.#groupId === 0 ? null : this.#groupId,
      port: this.#spec.port,
      clientUrl: this.#spec.endpoint?.url ?? null,
      endpoint: this.#spec.endpoint,
      startedAt: this.#startedAt?.toISOString() ?? null,
      uptimeMs,
      restarts: Math.max(0, this.#starts - 1),
      exit: this.#exit,
    };
  }

  note(text: string): void {
    this.#log.note(text);
  }

  #feed(input: Input): void {
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const { state, effects } = step(this.#state, next);
      this.#state = state;
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#stepping = false;
    this.#changed();
  }

  #changed(): void {
    this.#wake();
    this.#events.onChanged();
  }

  #wake(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const resolve of watchers) resolve();
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        this.#spawn();
        return;
      case 'signal':
        this.#told ||= this.#state.type === 'stopping';
        if (this.#spawnWaits) {
          this.#spawnWaits = false;
          this.#feed({ type: 'exited', exit: { code: null, signal: effect.signal } });
        } else if (effect.target === 'group') this.#signalGroup(effect.signal);
        else for (const pid of this.#strays) trySignal(pid, effect.signal);
        return;
      case 'armGrace':
        clearTimeout(this.#grace ?? undefined);
        this.#grace = setTimeout(() => this.#graceElapsed(), this.#spec.graceMs);
        return;
      case 'armLast':
        clearTimeout(this.#grace ?? undefined);
        this.#grace = setTimeout(() => this.#feed({ type: 'graceElapsed' }), lastMs);
        return;
      case 'disarmGrace':
        clearTimeout(this.#grace ?? undefined);
        this.#grace = null;
        return;
      case 'armDelay':
        this.#delay = setTimeout(() => this.#feed({ type: 'delayElapsed' }), effect.delayMs);
        return;
      case 'disarmDelay':
        clearTimeout(this.#delay ?? undefined);
        this.#delay = null;
        return;
      case 'survey':
        if (effect.delayed) setTimeout(() => this.#survey(), surveyIntervalMs);
        else this.#survey();
        return;
      case 'ended':
        this.#ended(effect.exit);
        return;
      case 'abandoned':
        this.#log.note(`left behind: ${this.#remaining()} does not die of SIGKILL${whyUndying(this.#groupId)}`);
        this.#leftBehind = true;
        return;
      case 'disown':
        this.#leaderOver({ code: null, signal: 'SIGKILL' });
        return;
      default:
        unreachable(effect);
    }
  }

  #spawn(): void {
    this.#groupId = 0;
    this.#outputs = [];
    this.#strays = [];
    this.#spawnWaits = this.#draining > 0;
    if (this.#spawnWaits) return;
    this.#starts++;
    this.#told = false;
    this.#leftBehind = false;
    this.#startedAt = new Date();
    for (const line of this.#spec.greeting) this.#log.note(line, { type: 'starting' });
    const outer = process.env[tagVariable];
    const tag = outer === undefined || outer === '' ? this.#tag : `${outer}/${this.#tag}`;
    let child: ChildProcess;
    try {
      const { command, cwd } = this.#spec;
      const env: Record<string, string | undefined> = { ...this.#spec.env, [tagVariable]: tag };
      const direct = directCommand(command, cwd, env['PATH']);
      // The shell would correct the folder that we have been told.
      if (direct !== null && env['PWD'] !== undefined) env['PWD'] = cwd;
      const { file, argv } = direct ?? { file: '/bin/sh', argv: ['/bin/sh', '-c', command] };
      const [argv0 = file, ...args] = argv;
      child = spawn(file, args, {
        argv0,
        cwd,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true, // a session and group of its own: Ctrl-C reaches it only through us
      });
    } catch (error) {
      this.#cannotStart(error);
      return;
    }
    if (child.pid === undefined) {
      child.once('error', (error) => this.#cannotStart(error));
      return;
    }
    this.#groupId = child.pid;
    this.#outputs = outputsOf(child.pid); // before it can choose others
    this.#events.onStarted(child.pid, this.#outputs);
    child.on('error', () => {}); // only kill() could report here, and it is never called
    if (child.stdout !== null) this.#log.attach(child.stdout, 'stdout', child.pid);
    if (child.stderr !== null) this.#log.attach(child.stderr, 'stderr', child.pid);
    this.#leader = child;
    child.once('exit', (code, signal) => {
      if (this.#leader !== child) return; // given up long ago
      this.#leaderOver({ code, signal });
      this.#feed({ type: 'exited', exit: { code, signal } });
    });
    this.#spawned = { atMs: performance.now(), env: { ...this.#spec.env, [tagVariable]: tag } };
    this.#watchReadiness();
  }

  #leaderOver(exit: Exit): void {
    this.#leader = null;
    this.#stopWatching();
    // Whoever the leader leaves behind has to hear that it is to end.
    if (this.#paused) this.#goOn();
    this.#events.onExited(exit);
  }

  #watchReadiness(): void {
    const { ready: check, cwd } = this.#spec;
    const { atMs: startMs, env } = this.#spawned;
    this.#watch = null;
    this.#ready = check.type === 'started';
    if (check.type === 'started' || check.type === 'finished') return;
    let lostMs = startMs;
    this.#watch = new ReadyWatch(
      check,
      { cwd, env, listen: (hear, signal) => this.#log.listen(hear, signal) },
      {
        onReady: () => {
          const afterMs = Math.round(performance.now() - startMs);
          this.#ready = true;
          this.#log.note(`ready after ${afterMs / 1000} s`, { type: 'process-ready', afterMs });
          this.#changed();
        },
        onLost: (reason) => {
          lostMs = performance.now();
          this.#ready = false;
          this.#log.note(`not ready any more: ${reason}`, { type: 'process-unready', reason });
          this.#changed();
        },
        onRegained: () => {
          const afterMs = Math.round(performance.now() - lostMs);
          this.#ready = true;
          this.#log.note(`ready again after ${afterMs / 1000} s`, { type: 'process-ready-again', afterMs });
          this.#changed();
        },
        onSlow: (reason) => this.#log.note(`not ready yet: ${reason}`),
      },
    );
  }

  #stopWatching(): void {
    this.#watch?.close();
    this.#watch = null;
    this.#ready = false;
  }

  #cannotStart(error: unknown): void {
    const { cwd } = this.#spec;
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.note(`cannot start: ${existsSync(cwd) ? reason : `there is no folder ${cwd}`}`);
    this.#feed({ type: 'exited', exit: { code: 127, signal: null } });
  }

  #survey(): void {
    const instance = { groupId: this.#groupId, tag: this.#tag, outputs: this.#outputs };
    const found = this.#groupId === 0 ? Promise.resolve(null) : this.#scan.leftovers(instance);
    void found.then((leftovers) => {
      this.#strays = leftovers?.strays ?? [];
      this.#feed({ type: 'surveyed', group: leftovers?.group ?? false, strays: this.#strays.length > 0 });
    });
  }

  #graceElapsed(): void {
    this.#log.note(`still running after ${this.#spec.graceMs / 1000} s: killing ${this.#remaining()}`);
    this.#feed({ type: 'graceElapsed' });
  }

  #remaining(): string {
    const strays = this.#strays.length === 0 ? '' : ` and process ${this.#strays.join(', ')}`;
    return `process group ${this.#groupId}${strays}`;
  }

  #ended(exit: Exit): void {
    this.#events.onGone(this.#groupId);
    this.#draining++;
    const wanted = this.#told;
    const leftBehind = this.#leftBehind;
    void this.#log.drain().then(() => {
      this.#draining--;
      this.#exit = exit;
      if (!leftBehind) this.#log.note(describeExit(exit), { type: 'exited', ...exit });
      if (this.#spawnWaits && this.#draining === 0) this.#spawn();
      const again = this.#restartByPolicy(exit);
      this.#events.onEnded(exit, wanted, again);
      this.#changed();
    });
  }

  /** True if it starts again. */
  #restartByPolicy(exit: Exit): boolean {
    if (this.#state.type !== 'idle' || !this.#state.retry) return false;
    const { restart } = this.#spec;
    const decision = decideRestart(restart, exit, this.#restarts, performance.now());
    switch (decision.type) {
      case 'rest':
        return false;
      case 'give-up':
        this.#log.note(`given up: it ended ${restart.maxRestarts + 1} times within ${restart.windowMs / 1000} s`);
        return false;
      case 'restart': {
        const { delayMs, recent } = decision;
        this.#restarts = recent;
        this.#log.note(`restarting in ${delayMs / 1000} s`, { type: 'restarting', delayMs });
        this.#feed({ type: 'retry', delayMs });
        return true;
      }
      default:
        return unreachable(decision);
    }
  }

  #signalGroup(signal: Signal): void {
    if (this.#groupId <= 0) return;
    trySignal(-this.#groupId, signal);
    // A suspended process takes in no signal but SIGKILL.
    if (this.#paused) this.#goOn();
  }
}

/** What the system says to a signal that has no effect. */
function whyUndying(groupId: number): string {
  try {
    process.kill(-groupId, 0);
    return '';
  } catch (error) {
    const isForeign = error instanceof Error && 'code' in error && error.code === 'EPERM';
    return isForeign ? ': it belongs to another user' : '';
  }
}

function trySignal(pid: number, signal: Signal | 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile: the exit or the next survey says so.
  }
}

/** In words, as foreman says it. */
export function describeExit(exit: Exit): string {
  return exit.signal === null ? `exited with code ${exit.code}` : `terminated by ${exit.signal}`;
}
