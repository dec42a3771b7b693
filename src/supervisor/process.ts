/** Runs one spec as an OS process: carries out what the machine decides, and tells it what happened. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { unreachable } from '../base/assert.ts';
import type { ProcessStatus } from './control-protocol.ts';
import type { LogChannel } from './log-mux.ts';
import type { Effect, Exit, Input, Signal, State } from './process-machine.ts';
import { idle, step } from './process-machine.ts';
import type { ProcessScan } from './process-scan.ts';
import { tagVariable } from './process-scan.ts';

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
  /** Where clients reach it, if it is an etcd. */
  readonly clientUrl: string | null;
  /** Said in the log when it starts. */
  readonly greeting: readonly string[];
}

export interface ProcessEvents {
  /** It runs, as the process group of this id. */
  onStarted(groupId: number): void;
  /** Nothing of the group is alive any more. */
  onGone(groupId: number): void;
  /**
   * Nothing of the process is alive any more, and all of its output has been read. `wanted`: it was told to end. It may start
   * again by itself.
   */
  onEnded(exit: Exit, wanted: boolean): void;
}

/** Between two looks at leftovers that have been told to end. */
const surveyIntervalMs = 20;

export class SupervisedProcess {
  readonly spec: ProcessSpec;
  readonly #tag: string;
  readonly #log: LogChannel;
  readonly #scan: ProcessScan;
  readonly #events: ProcessEvents;
  #state: State = idle;
  #groupId = 0;
  #strays: readonly number[] = [];
  #grace: NodeJS.Timeout | null = null;
  readonly #inputs: Input[] = [];
  #stepping = false;
  #draining = 0;
  /** This instance has been told to end. */
  #told = false;
  /** The next instance waits for the last words of the one before. */
  #spawnWaits = false;
  #starts = 0;
  #startedAt: Date | null = null;
  #exit: Exit | null = null;
  #watchers: (() => void)[] = [];

  /** `tag`, unique on this machine, marks everything that the process starts. */
  constructor(spec: ProcessSpec, tag: string, log: LogChannel, scan: ProcessScan, events: ProcessEvents) {
    this.spec = spec;
    this.#tag = tag;
    this.#log = log;
    this.#scan = scan;
    this.#events = events;
  }

  get state(): State {
    return this.#state;
  }

  /** Nothing is alive, nothing is about to start, and all output has been read. */
  get over(): boolean {
    return this.#state.type === 'idle' && this.#draining === 0;
  }

  /** The process id of the leader, which is the id of its group too; 0 before the first start. */
  get pid(): number {
    return this.#groupId;
  }

  start(): void {
    this.#feed({ type: 'start' });
  }

  /** Asks the whole group to end; what has not ended after the grace period is killed. */
  stop(signal: Signal): void {
    this.#feed({ type: 'stop', signal });
  }

  restart(signal: Signal): void {
    this.#feed({ type: 'restart', signal });
  }

  kill(): void {
    this.#feed({ type: 'kill' });
  }

  /** The last resort when the supervisor itself must end at once: nothing is awaited. */
  killNow(): void {
    if (this.#state.type === 'idle') return;
    this.#signalGroup('SIGKILL');
    for (const pid of this.#strays) trySignal(pid, 'SIGKILL');
  }

  /** How often it has been started. */
  get starts(): number {
    return this.#starts;
  }

  /** Resolves as soon as `condition` holds; it is looked at after every change. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  status(now: Date): ProcessStatus {
    const state = this.#state.type === 'running' ? 'running' : this.over ? 'stopped' : 'stopping';
    const uptimeMs = state === 'stopped' || this.#startedAt === null ? null : now.getTime() - this.#startedAt.getTime();
    return {
      name: this.spec.name,
      entry: this.spec.entry,
      state,
      pid: state === 'stopped' || this.#groupId === 0 ? null : this.#groupId,
      port: this.spec.port,
      clientUrl: this.spec.clientUrl,
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
        this.#grace = setTimeout(() => this.#graceElapsed(), this.spec.graceMs);
        return;
      case 'disarmGrace':
        clearTimeout(this.#grace ?? undefined);
        this.#grace = null;
        return;
      case 'survey':
        if (effect.delayed) setTimeout(() => this.#survey(), surveyIntervalMs);
        else this.#survey();
        return;
      case 'ended':
        this.#ended(effect.exit);
        return;
      case 'abandoned':
        this.#log.note(`left behind: ${this.#remaining()} does not die of SIGKILL`);
        return;
      default:
        unreachable(effect);
    }
  }

  #spawn(): void {
    this.#groupId = 0;
    this.#strays = [];
    this.#spawnWaits = this.#draining > 0;
    if (this.#spawnWaits) return;
    this.#starts++;
    this.#told = false;
    this.#startedAt = new Date();
    for (const line of this.spec.greeting) this.#log.note(line, { type: 'starting' });
    const outer = process.env[tagVariable];
    const tag = outer === undefined || outer === '' ? this.#tag : `${outer}/${this.#tag}`;
    let child: ChildProcess;
    try {
      child = spawn('/bin/sh', ['-c', this.spec.command], {
        cwd: this.spec.cwd,
        env: { ...this.spec.env, [tagVariable]: tag },
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
    this.#events.onStarted(child.pid);
    child.on('error', () => {}); // only kill() could report here, and it is never called
    if (child.stdout !== null) this.#log.attach(child.stdout, 'stdout', child.pid);
    if (child.stderr !== null) this.#log.attach(child.stderr, 'stderr', child.pid);
    child.once('exit', (code, signal) => this.#feed({ type: 'exited', exit: { code, signal } }));
  }

  #cannotStart(error: unknown): void {
    this.#log.note(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
    this.#feed({ type: 'exited', exit: { code: 127, signal: null } });
  }

  #survey(): void {
    const found = this.#groupId === 0 ? Promise.resolve(null) : this.#scan.leftovers(this.#groupId, this.#tag);
    void found.then((leftovers) => {
      this.#strays = leftovers?.strays ?? [];
      this.#feed({ type: 'surveyed', group: leftovers?.group ?? false, strays: this.#strays.length > 0 });
    });
  }

  #graceElapsed(): void {
    this.#log.note(`still running after ${this.spec.graceMs / 1000} s: killing ${this.#remaining()}`);
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
    void this.#log.drain().then(() => {
      this.#draining--;
      this.#exit = exit;
      this.#log.note(describeExit(exit), { type: 'exited', ...exit });
      if (this.#spawnWaits && this.#draining === 0) this.#spawn();
      this.#events.onEnded(exit, wanted);
      this.#changed();
    });
  }

  #signalGroup(signal: Signal): void {
    if (this.#groupId > 0) trySignal(-this.#groupId, signal);
  }
}

function trySignal(pid: number, signal: Signal): void {
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
