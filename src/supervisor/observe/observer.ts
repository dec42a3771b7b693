/**
 * Watches a run: what its processes do and use, and what its etcds say of each other. What costs next to nothing is always done, so that
 * the timeline is whole whenever somebody asks for it: ends and starts of processes, lines of logs, pushes of bundled members. The rest
 * is done only while somebody looks.
 */

import type { ProcessSpec, SupervisedProcess } from '../process.ts';
import { describeExit } from '../process.ts';
import type { Exit } from '../process-machine.ts';
import type { LeadershipInput } from './leadership.ts';
import { noLeadership, stepLeadership } from './leadership.ts';
import { linksOf } from './links.ts';
import { withLag } from './member-facts.ts';
import type { FaultFacts, LinkFacts, Observation, ProcessFacts, RunEvent } from './model.ts';
import { eventsMax } from './model.ts';
import type { Probe } from './observed-member.ts';
import { ObservedMember } from './observed-member.ts';
import type { Usage } from './process-usage.ts';
import { usageOf } from './process-usage.ts';
import { sameFields, sharing } from './sharing.ts';

/** What is looked at of a process. */
export type ObservedProcess = Pick<SupervisedProcess, 'spec' | 'pid' | 'state' | 'status'>;

export interface ObserverOptions {
  /** Of a process, by name. */
  colourIndexOf(name: string): number;
  /** Made when an etcd must be asked for the first time. */
  openProbe(): Promise<Probe>;
}

/** Between two looks at etcds that do not speak by themselves. */
const tickMs = 500;
/** In ticks. */
const usageEvery = 2;
const healthEvery = 4;
const metricsEvery = 10;
/** Between pushes of bundled members, beside those on changes: while somebody looks, and else. */
const watchedPushMs = 500;
const idlePushMs = 10_000;
/** A little more than one look takes at most. */
const lookPatienceMs = 1_200;
/** How long it goes on looking after a single request; the next one then finds rates. */
const leaseMs = 10_000;
/** Looking at all processes takes no more than this share of a core, however many there are. */
const usageShareMax = 0.005;

interface UsageSample {
  readonly pid: number;
  readonly atMs: number;
  readonly usage: Usage;
  readonly cpu: number | null;
}

export class Observer {
  readonly #options: ObserverOptions;
  readonly #startedMs = Date.now();
  #processes: () => readonly ObservedProcess[] = () => [];
  readonly #members = new Map<string, ObservedMember>();
  readonly #usage = new Map<string, UsageSample>();
  #usageAtMs = 0;
  #leadership = noLeadership;
  #faults: readonly FaultFacts[] = [];
  #events: readonly RunEvent[] = [];
  #observation: Observation;
  #dirty = false;
  #told = false;
  readonly #listeners = new Set<() => void>();
  readonly #followers = new Set<(event: RunEvent) => void>();
  #lease: NodeJS.Timeout | null = null;
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;
  #probe: Promise<Probe> | null = null;
  #closed = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
    const nothing = { processes: [], links: [], faults: [], events: [] };
    this.#observation = { atMs: this.#startedMs, startedMs: this.#startedMs, ...nothing };
  }

  /** Whose processes these are; asked whenever they may be others. */
  watch(processes: () => readonly ObservedProcess[]): void {
    this.#processes = processes;
    this.changed();
  }

  /** The newest; the same object as long as nothing has changed. */
  observation(): Observation {
    if (this.#dirty) this.#observation = this.#assemble();
    this.#dirty = false;
    return this.#observation;
  }

  /** Looks at everything, and calls `listener` after changes, once a turn at most, until the result is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#pace();
    return () => {
      this.#listeners.delete(listener);
      this.#pace();
    };
  }

  /** Calls `follower` for each event from now on, until the result is called. Etcds that say nothing by themselves are asked. */
  follow(follower: (event: RunEvent) => void): () => void {
    this.#followers.add(follower);
    this.#pace();
    return () => {
      this.#followers.delete(follower);
      this.#pace();
    };
  }

  /** Looks at everything now. Resolves when all have answered, or will not, or `patienceMs` have passed. */
  async look(patienceMs = lookPatienceMs): Promise<Observation> {
    clearTimeout(this.#lease ?? undefined);
    this.#lease = setTimeout(() => {
      this.#lease = null;
      this.#pace();
    }, leaseMs).unref();
    const isFirst = this.#timer === null;
    this.#pace();
    this.#sampleUsage();
    const running = [...this.#members.values()].filter((member) => member.running);
    if (running.length > 0) {
      const probe = await this.#openProbe();
      const looks = running.flatMap((member) => [
        member.orderStatus(),
        member.poll(probe),
        member.checkHealth(probe),
        member.readMetrics(probe),
      ]);
      const patience = new Promise<void>((resolve) => setTimeout(resolve, patienceMs).unref());
      await Promise.race([Promise.all(looks), patience]);
    }
    if (isFirst) this.#sampleLag();
    return this.observation();
  }

  /** A fault was injected, showed or was healed. */
  record(event: RunEvent): void {
    if (event.type === 'fault-injected') {
      const { id, targets, injectedMs, command } = event.fault;
      this.#faults = [...this.#faults, event.fault];
      // One that is told to hand over leads until it does.
      if (!command.startsWith('move-leader')) this.#step({ type: 'fault-injected', id, targets, atMs: injectedMs });
    }
    if (event.type === 'fault-effective') {
      const bite = (fault: FaultFacts) =>
        fault.id === event.id ? { ...fault, bitMs: fault.injectedMs + event.afterMs } : fault;
      this.#faults = this.#faults.map(bite);
    }
    if (event.type === 'fault-healed') {
      this.#faults = this.#faults.filter((fault) => fault.id !== event.id);
      this.#step({ type: 'fault-healed', id: event.id });
    }
    this.#emit(event);
    if (this.#isWatched()) setTimeout(() => this.#sampleUsage(), 50).unref(); // a pause is to show at once
  }

  /** Hears the output of the process, in blocks of whole lines. */
  tap(name: string): (block: Buffer) => void {
    return (block) => this.#members.get(name)?.hear(block);
  }

  /** A process of the run has started. */
  started(spec: ProcessSpec, pid: number): void {
    if (spec.endpoint !== null) {
      const member = this.#members.get(spec.name) ?? this.#addMember(spec);
      this.#step({ type: 'started', process: spec.name });
      this.#emit({ type: 'member-started', atMs: Date.now(), name: spec.name, pid });
      member.started(spec, this.#pushMs());
    }
    this.changed();
  }

  /** The process itself has ended; what it left behind may still live. */
  exited({ name, endpoint }: ProcessSpec, exit: Exit): void {
    if (endpoint !== null) {
      this.#members.get(name)?.exited();
      const atMs = Date.now();
      this.#emit({ type: 'member-exited', atMs, name, code: exit.code, signal: exit.signal });
      this.#step({ type: 'exited', process: name, atMs });
    }
    this.changed();
  }

  /** Something about processes may be different. */
  changed(): void {
    this.#dirty = true;
    if (this.#told || this.#listeners.size === 0 || this.#closed) return;
    this.#told = true;
    setImmediate(() => {
      this.#told = false;
      for (const listener of this.#listeners) listener();
    });
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#followers.clear();
    clearTimeout(this.#lease ?? undefined);
    this.#lease = null;
    this.#pace();
    for (const member of this.#members.values()) member.exited();
    void this.#probe?.then((probe) => probe.close());
  }

  #addMember(spec: ProcessSpec): ObservedMember {
    const member = new ObservedMember(spec, {
      onInput: (input) => this.#step(input),
      onFacts: () => this.changed(),
    });
    this.#members.set(spec.name, member);
    return member;
  }

  #step(input: LeadershipInput): void {
    const { state, events } = stepLeadership(this.#leadership, input);
    this.#leadership = state;
    for (const event of events) this.#emit(event);
  }

  #emit(event: RunEvent): void {
    if (this.#closed) return;
    // Lines of logs come late by the time that a pipe takes; the order is that in which things were heard of.
    const atMs = Math.max(event.atMs, this.#events.at(-1)?.atMs ?? 0);
    const told = { ...event, atMs };
    this.#events = [...(this.#events.length < eventsMax ? this.#events : this.#events.slice(1 - eventsMax)), told];
    for (const follower of this.#followers) follower(told);
    this.changed();
  }

  #isWatched(): boolean {
    return this.#listeners.size > 0 || this.#lease !== null;
  }

  #pushMs(): number {
    return this.#isWatched() ? watchedPushMs : idlePushMs;
  }

  /** Goes on with what somebody needs, and stops the rest. */
  #pace(): void {
    for (const member of this.#members.values()) member.pushEvery(this.#pushMs());
    const isNeeded = !this.#closed && (this.#isWatched() || this.#followers.size > 0);
    if (isNeeded && this.#timer === null) {
      this.#ticks = 0;
      this.#timer = setInterval(() => this.#tick(), tickMs).unref();
    }
    if (!isNeeded && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
  }

  #tick(): void {
    const tick = this.#ticks++;
    const isWatched = this.#isWatched();
    const running = [...this.#members.values()].filter((member) => member.running);
    const asked = isWatched ? running : running.filter((member) => !member.talks);
    if (asked.length > 0) void this.#ask(asked, isWatched, tick);
    if (!isWatched) return;
    if (tick % usageEvery === 0) {
      this.#sampleUsage();
      this.#sampleLag();
    }
  }

  async #ask(members: readonly ObservedMember[], isWatched: boolean, tick: number): Promise<void> {
    const probe = await this.#openProbe();
    for (const member of members) {
      if (member.due) void member.poll(probe);
      if (isWatched && tick % healthEvery === 0) void member.checkHealth(probe);
      if (isWatched && tick % metricsEvery === 0) void member.readMetrics(probe);
    }
  }

  #openProbe(): Promise<Probe> {
    // A reload may have given them other certificates.
    for (const { spec } of this.#processes()) this.#members.get(spec.name)?.reachedAt(spec.endpoint);
    this.#probe ??= this.#options.openProbe();
    return this.#probe;
  }

  #sampleUsage(): void {
    const beginMs = performance.now();
    if (beginMs < this.#usageAtMs) return;
    for (const process of this.#processes()) {
      const { name } = process.spec;
      const usage = process.pid > 0 && process.state.type !== 'idle' ? usageOf(process.pid) : null;
      const before = this.#usage.get(name);
      if (usage === null) {
        this.#usage.delete(name);
        continue;
      }
      const atMs = performance.now();
      const isSame = before?.pid === process.pid && atMs > before.atMs;
      const cpu = isSame ? ((usage.cpuSeconds - before.usage.cpuSeconds) * 1000) / (atMs - before.atMs) : null;
      this.#usage.set(name, { pid: process.pid, atMs, usage, cpu: cpu === null ? null : Math.max(0, cpu) });
    }
    const endMs = performance.now();
    this.#usageAtMs = endMs + (endMs - beginMs) / usageShareMax - tickMs;
    this.changed();
  }

  #sampleLag(): void {
    const highest = new Map<string, number>();
    const members = [...this.#members.values()].filter((member) => member.running);
    for (const { record } of members) {
      const { clusterId, raftIndex } = record.facts;
      if (clusterId !== null) highest.set(clusterId, Math.max(raftIndex ?? 0, highest.get(clusterId) ?? 0));
    }
    for (const member of members) {
      const { clusterId } = member.record.facts;
      if (clusterId !== null) member.record = withLag(member.record, highest.get(clusterId) ?? 0);
    }
    this.changed();
  }

  #assemble(): Observation {
    const old = this.#observation;
    const processes = sharing(
      old.processes,
      this.#processes().map((process) => this.#processFacts(process)),
    );
    const links = sharing(old.links, this.#linkFacts());
    const [faults, events] = [this.#faults, this.#events];
    const fresh = { startedMs: this.#startedMs, processes, links, faults, events };
    return sameFields({ ...fresh, atMs: old.atMs }, old) ? old : { ...fresh, atMs: Date.now() };
  }

  #processFacts(process: ObservedProcess): ProcessFacts {
    const { name, state, ready, paused, pid, port, startedAt, restarts, exit } = process.status(new Date());
    const sample = this.#usage.get(name);
    const usage = sample !== undefined && sample.pid === pid ? sample : null;
    const facts: ProcessFacts = {
      name,
      colourIndex: this.#options.colourIndexOf(name),
      state: state === 'running' && (paused || usage?.usage.paused === true) ? 'paused' : state,
      ended: exit !== null && (state === 'stopped' || state === 'waiting') ? describeExit(exit) : null,
      ready,
      pid,
      port,
      startedMs: startedAt === null ? null : Date.parse(startedAt),
      restarts,
      cpu: usage?.cpu ?? null,
      rssBytes: usage?.usage.rssBytes ?? null,
      member: this.#members.get(name)?.record.facts ?? null,
    };
    const before = this.#observation.processes.find((one) => one.name === name);
    return before !== undefined && sameFields(facts, before) ? before : facts;
  }

  #linkFacts(): readonly LinkFacts[] {
    const names = new Set(this.#processes().map((process) => process.spec.name));
    const members = [...this.#members.values()].filter((member) => names.has(member.name));
    const views = members.map(({ name, record, links }) => {
      const { memberId, clusterId } = record.facts;
      return { name, memberId, clusterId, links };
    });
    return linksOf(views, this.#faults).map((link) => {
      const before = this.#observation.links.find((one) => one.from === link.from && one.to === link.to);
      const faults = sharing(before?.faults ?? [], link.faults);
      const shared = { ...link, faults };
      return before !== undefined && sameFields(shared, before) ? before : shared;
    });
  }
}
