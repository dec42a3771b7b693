/** Owns all processes of one run: starts them, applies the exit policy, ends them together. */
import { randomBytes } from 'node:crypto';
import { unreachable } from '../base/assert.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { MemberView } from './cluster-health.ts';
import { waitForHealth } from './cluster-health.ts';
import type { ControlRequest } from './control-protocol.ts';
import type { DependencyState } from './dependency-order.ts';
import { decideStart, withDependencies } from './dependency-order.ts';
import { clusterHintOf, mayBeOneCluster } from './etcd-members.ts';
import { Guard } from './guard.ts';
import type { LogChannel } from './log-mux.ts';
import { portConflicts } from './port-preflight.ts';
import type { ProcessSpec } from './process.ts';
import { SupervisedProcess } from './process.ts';
import type { Exit, Signal } from './process-machine.ts';
import { ProcessScan } from './process-scan.ts';
import type { ReloadPlan } from './reload-plan.ts';
import { planReload } from './reload-plan.ts';
import { rollingRestart } from './rolling-restart.ts';

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
/** How long a rolling restart waits for one process, or for its cluster, to be ready again, if nothing else is said. */
const rollingPatienceMs = 60_000;
/** Without anything to wait for, Node would end a run that is meant to stay; how often this timer fires does not matter. */
const vigilMs = 1 << 30;

/** The files that say what runs. */
export interface RunFiles {
  /** Reads them again: what to run now, or what is wrong with them. */
  read(): Promise<Result<readonly ProcessSpec[], string>>;
  /** The run goes over to what they say. */
  applied(plan: ReloadPlan): void;
}

/** Wants to know at once what happens to processes. */
export interface RunWatcher {
  started(spec: ProcessSpec, pid: number): void;
  exited(spec: ProcessSpec, exit: Exit): void;
  /** The state of a process, or whether it is ready, may be another. */
  changed(): void;
}

/** By the name of the process: why it is not started. */
type Refused = ReadonlyMap<string, readonly string[]>;

export class Supervisor {
  #processes: readonly SupervisedProcess[] = [];
  /** No longer in the files: they leave `processes` when they are over. */
  readonly #leaving = new Set<SupervisedProcess>();
  readonly #log: (spec: ProcessSpec) => LogChannel;
  readonly #files: RunFiles;
  readonly #watcher: RunWatcher;
  readonly #runTag: string;
  readonly #scan = new ProcessScan();
  /** Instances so far; each has a tag of its own. */
  #instances = 0;
  #running = false;
  /** Requests that change what runs happen one after the other. */
  #changing: Promise<unknown> = Promise.resolve();
  readonly #policy: ExitPolicy;
  readonly #guard: Guard;
  readonly #result: Promise<RunResult>;
  #finish: (result: RunResult) => void = () => {};
  #failure: RunResult['failure'] = null;
  readonly #ends = new Map<string, ProcessEnd>();
  #stopping = false;
  #impatience: NodeJS.Timeout | null = null;
  #vigil: NodeJS.Timeout | null = null;

  /** `log` gives the channel of a spec; `files` are for a reload; `watcher` hears of all that happens. */
  constructor(
    specs: readonly ProcessSpec[],
    log: (spec: ProcessSpec) => LogChannel,
    policy: ExitPolicy,
    files: RunFiles,
    watcher: RunWatcher,
  ) {
    this.#policy = policy;
    this.#log = log;
    this.#files = files;
    this.#watcher = watcher;
    this.#runTag = `${process.pid}.${randomBytes(6).toString('hex')}.`;
    this.#guard = new Guard(this.#runTag);
    this.#processes = specs.map((spec) => this.#create(spec));
    this.#result = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  #create(spec: ProcessSpec): SupervisedProcess {
    const tag = `${this.#runTag}${this.#instances++}`;
    const created: SupervisedProcess = new SupervisedProcess(spec, tag, this.#log(spec), this.#scan, {
      onStarted: (groupId, outputs) => {
        this.#guard.groupStarted(groupId, outputs);
        this.#watcher.started(created.spec, groupId);
      },
      onExited: (exit) => this.#watcher.exited(created.spec, exit),
      onGone: (groupId) => this.#guard.groupOver(groupId),
      onEnded: (exit, wanted, again) => this.#ended(spec.name, exit, wanted, again),
      onChanged: () => this.#changed(),
    });
    return created;
  }

  /** Starts everything; resolves when the run is over and nothing of it is alive. */
  run(): Promise<RunResult> {
    if (this.#stopping) return this.#result; // somebody was quicker
    this.#vigil = setInterval(() => {}, vigilMs);
    this.#start(this.processes);
    this.#running = true;
    this.#changed();
    return this.#result;
  }

  /** Those that wait for nobody start; the others when they may. */
  #start(processes: readonly SupervisedProcess[]): void {
    const unready = (process: SupervisedProcess) =>
      process.spec.dependsOn.filter((name) => this.#stateOf(name) !== 'ready');
    const held = new Set(processes.filter((process) => unready(process).length > 0));
    for (const process of held) {
      if (process.over) process.note(`waiting for ${unready(process).join(', ')}`);
      process.hold();
    }
    for (const process of processes) if (!held.has(process)) process.start();
  }

  /** What is no longer there is not waited for. */
  #stateOf(name: string): DependencyState {
    const process = this.processes.find((one) => one.spec.name === name);
    if (process === undefined || process.ready) return 'ready';
    return process.over ? 'over' : 'coming';
  }

  #changed(): void {
    this.#watcher.changed();
    if (!this.#running) return;
    for (const process of this.#stopping ? [] : this.processes) {
      const { state, spec } = process;
      if (state.type !== 'waiting' || state.for !== 'dependencies') continue;
      const decision = decideStart(spec.dependsOn, (name) => this.#stateOf(name));
      if (decision.type === 'start') process.start();
      if (decision.type === 'never') {
        process.note(`not started: ${decision.because.join(', ')} ended before it was ready`);
        process.stop(this.#policy.stopSignal);
      }
    }
    const left = [...this.#leaving].filter((process) => process.over);
    for (const process of left) this.#leaving.delete(process);
    if (left.length > 0) this.#processes = this.#processes.filter((process) => !left.includes(process));
    this.#finishIfOver();
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
      case 'start': {
        const dependencies = new Map(this.processes.map(({ spec }) => [spec.name, spec.dependsOn]));
        const names = named.map((process) => process.spec.name);
        const needed = withDependencies(dependencies, names);
        // Whoever is named is not kept waiting by the delay of a restart.
        const wanted = this.processes.filter((one) => named.includes(one) || (needed.has(one.spec.name) && one.over));
        const refused = await this.#refuse(wanted.filter((one) => one.over).map(({ spec }) => spec));
        if (this.#stopping) return err('everything is being stopped already');
        this.#start(wanted.filter(({ spec }) => !refused.has(spec.name)));
        await Promise.all(
          named.map((process) =>
            process.until(() => ['running', 'waiting'].includes(process.state.type) || process.over),
          ),
        );
        return refused.size === 0 ? ok(null) : err(refusal(refused));
      }
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
      case 'rolling-restart': {
        const chosen = named.length === 0 ? this.processes : named;
        return this.#inTurn(() =>
          this.#rollingRestart(
            chosen.filter((one) => one.state.type === 'running'),
            request.timeoutMs ?? rollingPatienceMs,
          ),
        );
      }
      case 'reload': {
        const reloaded = await this.reload();
        return reloaded.ok ? ok(null) : reloaded;
      }
      default:
        unreachable(request.command);
    }
    return ok(null);
  }

  async #restart(processes: readonly SupervisedProcess[]): Promise<void> {
    const restarted = processes.map((process) => {
      const before = process.starts;
      process.restart(this.#policy.stopSignal);
      return process.until(() => process.starts > before || process.state.type === 'waiting' || process.over);
    });
    await Promise.all(restarted);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change);
    this.#changing = done.catch(() => {});
    return done;
  }

  #rollingRestart(processes: readonly SupervisedProcess[], patienceMs: number): Promise<Result<null, string>> {
    const rolling = processes.map((process) => ({
      name: process.spec.name,
      health: process.spec.endpoint === null ? null : () => waitForHealth(() => this.#membersWith(process), patienceMs),
      restart: () => this.#restart([process]),
      ready: async () => {
        const isDecided = () => process.ready || process.over || this.#stopping;
        const inTime = await process.until(isDecided, patienceMs);
        if (!inTime) return `${patienceMs / 1000} s have passed`;
        return process.ready ? null : 'it has ended';
      },
    }));
    return rollingRestart(rolling);
  }

  /** The etcds that may be of the cluster of this one, itself among them. */
  #membersWith({ spec }: SupervisedProcess): MemberView[] {
    const hint = clusterHintOf(spec.command, spec.env);
    return this.processes.flatMap((process) => {
      const { name, endpoint, command, env } = process.spec;
      if (endpoint === null || !mayBeOneCluster(hint, clusterHintOf(command, env))) return [];
      const isOver = process.over || this.#stopping;
      return [{ name, endpoint, state: isOver ? 'over' : process.state.type === 'running' ? 'running' : 'coming' }];
    });
  }

  /** Goes over to what the files say now; the error says why everything is left as it was. */
  reload(): Promise<Result<ReloadPlan, string>> {
    return this.#inTurn(async () => {
      const specs = await this.#files.read();
      if (!specs.ok) return specs;
      if (this.#stopping) return err('everything is being stopped already');
      const known = new Set(this.processes.map((process) => process.spec.name));
      const refused = await this.#refuse(specs.value.filter((spec) => !known.has(spec.name)));
      if (this.#stopping) return err('everything is being stopped already');
      const plan = this.#apply(specs.value, refused);
      this.#files.applied(plan);
      return refused.size === 0 ? ok(plan) : err(`reloaded, but ${refusal(refused)}`);
    });
  }

  /** Why some of these cannot start now: somebody else listens where they would. */
  async #refuse(specs: readonly ProcessSpec[]): Promise<Refused> {
    return specs.length === 0 ? new Map() : (await portConflicts(specs)).refused;
  }

  #apply(specs: readonly ProcessSpec[], refused: Refused): ReloadPlan {
    const known = new Map(this.processes.map((process) => [process.spec.name, process]));
    const staying = this.processes.filter((process) => !this.#leaving.has(process));
    const plan = planReload(
      staying.map((process) => process.spec),
      specs,
    );
    const started: SupervisedProcess[] = [];
    const present = specs.map((spec) => {
      const process = known.get(spec.name) ?? this.#create(spec);
      process.adopt(spec);
      // One that was about to leave starts again when its last instance is gone.
      const returns = this.#leaving.delete(process);
      const reasons = refused.get(spec.name);
      for (const reason of reasons ?? []) process.note(`not started: ${reason}`);
      if (plan.start.includes(spec.name) && !returns && reasons === undefined) started.push(process);
      const isDown = process.state.type === 'idle' && !process.state.retry;
      const restarts = returns || (plan.restart.includes(spec.name) && !isDown);
      if (restarts) process.restart(this.#policy.stopSignal);
      return process;
    });
    const gone = this.processes.filter((process) => !present.includes(process));
    for (const process of gone) this.#leaving.add(process);
    this.#processes = [...present, ...gone];
    this.#start(started);
    for (const process of gone) process.stop(this.#policy.stopSignal);
    this.#changed();
    return { ...plan, start: plan.start.filter((name) => !refused.has(name)) };
  }

  /** For the moment before the supervisor itself dies. */
  killNow(): void {
    for (const process of this.processes) process.killNow();
  }

  /** An etcd that ends at once says so in many words; this is the short of it. */
  async #explain(process: SupervisedProcess): Promise<void> {
    const reasons = (await this.#refuse([process.spec])).get(process.spec.name) ?? [];
    if (!this.#stopping && process.state.type !== 'running') for (const reason of reasons) process.note(reason);
  }

  #ended(name: string, exit: Exit, wanted: boolean, again: boolean): void {
    this.#ends.delete(name); // so that the order is that of the last ends
    this.#ends.set(name, { name, exit, stopping: wanted });
    const process = this.processes.find((one) => one.spec.name === name);
    if (exit.code !== 0 && !wanted && !this.#stopping && process?.spec.endpoint !== null && process !== undefined)
      void this.#explain(process);
    if (exit.code !== 0 && !wanted && !again && this.#policy.exitOnError && !this.#stopping) {
      this.#failure = { name, exit };
      this.stopAll(this.#policy.stopSignal);
    }
    this.#finishIfOver();
  }

  #finishIfOver(): void {
    if (!this.processes.every((process) => process.over)) return;
    if (!this.#stopping && (!this.#policy.exitOnStop || !this.#running)) return;
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

function refusal(refused: Refused): string {
  return `not started: ${[...refused].map(([name, reasons]) => `${name}: ${reasons.join('; ')}`).join('; ')}`;
}
