/** Owns all processes of one run: starts them, applies the exit policy, ends them together. */
import { randomBytes } from 'node:crypto';
import { unreachable } from '../base/assert.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { ControlRequest } from './control-protocol.ts';
import { Guard } from './guard.ts';
import type { LogChannel } from './log-mux.ts';
import type { ProcessSpec } from './process.ts';
import { SupervisedProcess } from './process.ts';
import type { Exit, Signal } from './process-machine.ts';
import { ProcessScan } from './process-scan.ts';

export interface ExitPolicy {
  /** The first process that fails ends all, and the run fails. */
  readonly exitOnError: boolean;
  /** The run is over when no process is left. */
  readonly exitOnStop: boolean;
  /** Asks a process to end. */
  readonly stopSignal: Signal;
}

/** How a run ended. */
export interface RunResult {
  /** What ended it under `exitOnError`, or null. */
  readonly failure: { readonly name: string; readonly exit: Exit } | null;
  /** The last end of each process, in order of time. `stopping`: while it, or everything, was being ended. */
  readonly ends: readonly ProcessEnd[];
}

export interface ProcessEnd {
  readonly name: string;
  readonly exit: Exit;
  readonly stopping: boolean;
}

/** When a stop takes longer than this, the log names who is still running. */
const impatienceMs = 2_000;
/** Without anything to wait for, Node would end a run that is meant to stay; how often this timer fires does not matter. */
const vigilMs = 1 << 30;

export class Supervisor {
  readonly processes: readonly SupervisedProcess[];
  readonly #policy: ExitPolicy;
  readonly #guard: Guard;
  readonly #result: Promise<RunResult>;
  #finish: (result: RunResult) => void = () => {};
  #failure: RunResult['failure'] = null;
  readonly #ends = new Map<string, ProcessEnd>();
  #stopping = false;
  #impatience: NodeJS.Timeout | null = null;
  #vigil: NodeJS.Timeout | null = null;

  /** `log` gives the channel of a spec. */
  constructor(specs: readonly ProcessSpec[], log: (spec: ProcessSpec) => LogChannel, policy: ExitPolicy) {
    this.#policy = policy;
    const runTag = `${process.pid}.${randomBytes(6).toString('hex')}.`;
    this.#guard = new Guard(runTag);
    const scan = new ProcessScan();
    this.processes = specs.map(
      (spec, index) =>
        new SupervisedProcess(spec, `${runTag}${index}`, log(spec), scan, {
          onStarted: (groupId) => this.#guard.groupStarted(groupId),
          onGone: (groupId) => this.#guard.groupOver(groupId),
          onEnded: (exit, wanted) => this.#ended(spec, exit, wanted),
        }),
    );
    this.#result = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Starts everything; resolves when the run is over and nothing of it is alive. */
  run(): Promise<RunResult> {
    if (this.#stopping) return this.#result; // somebody was quicker
    this.#vigil = setInterval(() => {}, vigilMs);
    for (const process of this.processes) process.start();
    return this.#result;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Ends everything, all at once; what is not gone after its grace period is killed. The run is over then. */
  stopAll(signal: Signal): void {
    if (this.#stopping) return;
    this.#stopping = true;
    for (const process of this.processes) process.stop(signal);
    this.#impatience = setTimeout(() => this.#nameTheLiving(signal), impatienceMs);
    this.#finishIfOver();
  }

  /** Without grace. */
  killAll(): void {
    this.#stopping = true;
    for (const process of this.processes) process.kill();
    this.#finishIfOver();
  }

  /** Does what the remote control asks for; resolves when it is done. */
  async obey(request: ControlRequest): Promise<Result<null, string>> {
    const named: SupervisedProcess[] = [];
    for (const name of request.names) {
      const found = this.processes.filter((one) => one.spec.name === name || one.spec.entry === name);
      // goreman's words
      if (found.length === 0) return err(`unknown ${request.command === 'start' ? 'name' : 'proc'}: ${name}`);
      named.push(...found);
    }
    if (this.#stopping && request.command !== 'status') return err('everything is being stopped already');
    switch (request.command) {
      case 'status':
        break;
      case 'start':
        for (const process of named) process.start();
        await Promise.all(
          named.map((process) => process.until(() => process.state.type === 'running' || process.over)),
        );
        break;
      case 'stop':
        await Promise.all(
          named.map((process) => {
            const before = process.starts;
            process.stop(this.#policy.stopSignal);
            // Somebody else may start it again before we look.
            return process.until(() => process.over || process.starts > before);
          }),
        );
        break;
      case 'restart':
        await this.#restart(named);
        break;
      case 'stop-all':
        this.stopAll(this.#policy.stopSignal);
        await this.#result;
        break;
      case 'restart-all':
        await this.#restart(this.processes);
        break;
      default:
        unreachable(request.command);
    }
    return ok(null);
  }

  async #restart(processes: readonly SupervisedProcess[]): Promise<void> {
    const restarted = processes.map((process) => {
      const before = process.starts;
      process.restart(this.#policy.stopSignal);
      return process.until(() => process.starts > before || process.over);
    });
    await Promise.all(restarted);
  }

  /** For the moment before the supervisor itself dies. */
  killNow(): void {
    for (const process of this.processes) process.killNow();
  }

  #ended(spec: ProcessSpec, exit: Exit, wanted: boolean): void {
    this.#ends.delete(spec.name); // so that the order is that of the last ends
    this.#ends.set(spec.name, { name: spec.name, exit, stopping: wanted });
    if (exit.code !== 0 && !wanted && this.#policy.exitOnError && !this.#stopping) {
      this.#failure = { name: spec.name, exit };
      this.stopAll(this.#policy.stopSignal);
    }
    this.#finishIfOver();
  }

  #finishIfOver(): void {
    if (!this.processes.every((process) => process.over)) return;
    if (!this.#stopping && !this.#policy.exitOnStop) return;
    clearTimeout(this.#impatience ?? undefined);
    clearInterval(this.#vigil ?? undefined);
    void this.#guard.close().then(() => this.#finish({ failure: this.#failure, ends: [...this.#ends.values()] }));
  }

  #nameTheLiving(signal: Signal): void {
    for (const process of this.processes) {
      if (process.over) continue;
      const leftMs = process.spec.graceMs - impatienceMs;
      if (leftMs <= 0) continue;
      process.note(
        `still running ${impatienceMs / 1000} s after ${signal}: killed in ${leftMs / 1000} s, or by Ctrl-C`,
      );
    }
  }
}
