/**
 * Injects, watches and heals the faults of one run. What a fault is, others decide (plan.ts); how it gets to members, backends know. Here
 * is the order of things: one change after the other, each fault told to work once it was seen to, everything healed at the end.
 */
import { unreachable } from '../../base/assert.ts';
import type { Random } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { FaultFacts, RunEvent } from '../../supervisor/observe/model.ts';
import type { FaultCommand } from './command.ts';
import { composeDisks, composeLinks } from './compose.ts';
import { type Baseline, baselineOf, type DiskBackend, type EffectSources, seeEffect } from './effect.ts';
import { parseFault } from './parse.ts';
import { type DiskRule, type FaultEffect, type FaultPlan, type PlannedCommand, planFault } from './plan.ts';
import type { ProcessView } from './view.ts';

export interface FaultOptions extends EffectSources {
  readonly disks: DiskBackend & { setDisk(name: string, rule: DiskRule | null): Promise<Result<void, string>> };
  /** Who runs, and who leads which cluster: now. */
  views(): Promise<readonly ProcessView[]>;
  /** Resolves when leadership has moved. */
  moveLeader(from: string, to: string): Promise<Result<void, string>>;
  readonly random: Random;
  /** Unix time in milliseconds. */
  now(): number;
  readonly onEvent: (event: RunEvent) => void;
}

/** What a command has come to. */
export interface FaultOutcome {
  /** For people; a line for each fault. */
  readonly text: string;
  /** Those that were injected, healed or listed. */
  readonly faults: readonly FaultFacts[];
}

interface Active {
  facts: FaultFacts;
  readonly effect: FaultEffect;
  readonly before: Baseline;
  /** Aborted when nobody has to watch it any more. */
  readonly over: AbortController;
}

/** A fault that has not bitten by then is answered for as it is, and watched on. A disk waits for the next write, which may never come. */
const biteMs = 3_000;
const diskBiteMs = 500;

export class FaultController {
  readonly #options: FaultOptions;
  readonly #active = new Map<string, Active>();
  #lastId = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(options: FaultOptions) {
    this.#options = options;
  }

  /** Those that nobody has healed, oldest first. */
  faults(): readonly FaultFacts[] {
    return [...this.#active.values()].map(({ facts }) => facts);
  }

  /** `words` as on the command line after `fault`. Resolves when it is done and was seen to work, or after a few seconds. */
  async obey(words: readonly string[]): Promise<Result<FaultOutcome, string>> {
    const parsed = parseFault(words);
    if (!parsed.ok) return parsed;
    const command: FaultCommand = parsed.value;
    switch (command.type) {
      case 'list':
        return ok(this.#list());
      case 'heal':
        return this.#inTurn(() => this.#heal(command.ids));
      case 'resume':
        return this.#inTurn(() => this.#resume(command.target));
      case 'kill':
      case 'stop':
      case 'restart':
      case 'pause':
      case 'move-leader':
      case 'partition':
      case 'delay':
      case 'loss':
      case 'disk':
        return this.#inject(command);
      default:
        return unreachable(command);
    }
  }

  /** To be called when the state of a process may be another: faults that somebody else has undone are over. */
  look(): void {
    for (const active of this.#active.values()) {
      const { effect, before } = active;
      if (effect.type !== 'kill' && effect.type !== 'stop' && effect.type !== 'pause') continue;
      const process = this.#options.processes.all().find(({ name }) => name === effect.name);
      const undone = effect.type === 'pause' ? process?.paused !== true : (process?.starts ?? 0) > before.starts;
      if (undone || process === undefined) this.#end(active);
    }
  }

  /** Heals everything but what is down, and takes no more orders. */
  close(): Promise<void> {
    this.#closing ??= this.#inTurn(async () => {
      const all = [...this.#active.values()];
      for (const active of all) this.#end(active);
      await this.#lift(all);
    });
    return this.#closing;
  }

  #list(): FaultOutcome {
    const faults = this.faults();
    const lines = faults.map(({ id, text }) => `${id}: ${text}`);
    return { text: lines.length === 0 ? 'no fault is active' : lines.join('\n'), faults };
  }

  async #inject(command: PlannedCommand): Promise<Result<FaultOutcome, string>> {
    const begun = await this.#inTurn(async () => {
      if (this.#closing !== null) return err('everything is being stopped already');
      const plan = planFault(command, await this.#options.views(), this.#options.random);
      return plan.ok ? this.#begin(plan.value) : plan;
    });
    if (!begun.ok) return begun;
    const { active, done } = begun.value;
    const giveUp = new AbortController();
    const late = new Promise<null>((resolve) => {
      const timer = setTimeout(() => resolve(null), active.effect.type === 'disk' ? diskBiteMs : biteMs);
      giveUp.signal.addEventListener('abort', () => clearTimeout(timer));
    });
    const problem = await (isMomentary(active.effect) ? done : Promise.race([done, late]));
    giveUp.abort();
    if (problem !== null) return err(problem);
    const { id, text, injectedMs, bitMs } = active.facts;
    const shown = bitMs === null ? unseen(active) : `after ${bitMs - injectedMs} ms`;
    return ok({ text: `${id}: ${text} (${shown})`, faults: [active.facts] });
  }

  /** Puts it to work. `done` resolves when it was seen to, to null, or to why it cannot be. */
  async #begin(
    plan: FaultPlan,
  ): Promise<Result<{ readonly active: Active; readonly done: Promise<string | null> }, string>> {
    const { effect } = plan;
    const refusal = this.#refusal(effect);
    if (refusal !== null) return err(refusal);
    const before = await baselineOf(effect, this.#options);
    const active = this.#newActive(plan, before);
    if (!isMomentary(effect)) this.#active.set(active.facts.id, active);
    const applied = await this.#apply(active);
    if (!applied.ok) {
      this.#active.delete(active.facts.id);
      this.#lastId--; // nobody has heard of it
      await this.#lift([active]);
      return applied;
    }
    this.#note(active, plan.text);
    this.#options.onEvent({ type: 'fault-injected', atMs: active.facts.injectedMs, fault: active.facts });
    return ok({ active, done: isMomentary(effect) ? this.#finish(active, applied.value) : this.#bite(active) });
  }

  #newActive({ command, text, targets, effect }: FaultPlan, before: Baseline): Active {
    const links = effect.type === 'links' ? effect.rules.map(({ from, to }) => ({ from, to })) : [];
    const id = `f${++this.#lastId}`;
    const facts = { id, command, text, targets, links, injectedMs: this.#options.now(), bitMs: null };
    return { facts, effect, before, over: new AbortController() };
  }

  /** Why the backends cannot do it; null if they can. */
  #refusal(effect: FaultEffect): string | null {
    if (effect.type !== 'links') return null;
    const { links } = this.#options;
    if (links.tellsMessages !== true && effect.rules.some(({ messages }) => messages !== undefined)) {
      return 'only bundled members tell types of messages apart: leave out --messages, or use --etcd bundled';
    }
    for (const { from, to } of effect.rules) {
      const why = links.unsupported(from);
      if (why !== null && links.unsupported(to) !== null) return why;
    }
    return null;
  }

  /** The promise is that of something that goes on by itself: null when it is done, else why it is not. */
  async #apply({ effect }: Active): Promise<Result<Promise<string | null>, string>> {
    const { processes } = this.#options;
    switch (effect.type) {
      case 'kill':
        void processes.kill(effect.name);
        return ok(nothing);
      case 'stop':
        void processes.control('stop', effect.name);
        return ok(nothing);
      case 'restart':
        return ok(processes.control('restart', effect.name));
      case 'pause':
        processes.pause(effect.name);
        return ok(nothing);
      case 'move-leader':
        return ok(this.#options.moveLeader(effect.from, effect.to).then((moved) => (moved.ok ? null : moved.error)));
      case 'links': {
        const set = await this.#options.links.setLinks(composeLinks(this.#effects()));
        return set.ok ? ok(nothing) : set;
      }
      case 'disk': {
        const set = await this.#setDisk(effect.name);
        return set.ok ? ok(nothing) : set;
      }
      default:
        return unreachable(effect);
    }
  }

  async #finish(active: Active, action: Promise<string | null>): Promise<string | null> {
    const problem = await action;
    if (problem === null) this.#bitten(active);
    this.#end(active);
    return problem;
  }

  async #bite(active: Active): Promise<null> {
    const seen = await seeEffect(active.effect, active.before, this.#options, active.over.signal);
    if (seen && !active.over.signal.aborted) this.#bitten(active);
    return null;
  }

  #bitten(active: Active): void {
    const bitMs = Math.max(this.#options.now(), active.facts.injectedMs);
    active.facts = { ...active.facts, bitMs };
    const { id, injectedMs } = active.facts;
    this.#options.onEvent({ type: 'fault-effective', atMs: bitMs, id, afterMs: bitMs - injectedMs });
  }

  /** Nobody counts with it any more; what it has done is undone elsewhere. */
  #end(active: Active): void {
    const { id, command } = active.facts;
    this.#active.delete(id);
    if (active.over.signal.aborted) return;
    active.over.abort();
    if (!isMomentary(active.effect)) this.#note(active, 'healed');
    this.#options.onEvent({ type: 'fault-healed', atMs: this.#options.now(), id, command });
  }

  async #heal(ids: readonly string[] | 'all'): Promise<Result<FaultOutcome, string>> {
    const known = ids === 'all' ? [...this.#active.keys()] : ids;
    const stranger = known.find((id) => !this.#wasInjected(id));
    if (stranger !== undefined) {
      const active = [...this.#active.keys()].join(', ');
      return err(`there is no fault ${stranger} (${active === '' ? 'none is active' : `active: ${active}`})`);
    }
    const chosen = known.flatMap((id) => this.#active.get(id) ?? []);
    for (const active of chosen) this.#end(active);
    const problem = (await this.#lift(chosen)) ?? (await this.#startAgain(chosen));
    if (problem !== null) return err(problem);
    const gone = known.filter((id) => !chosen.some(({ facts }) => facts.id === id));
    const lines = [
      ...chosen.map(({ facts }) => `${facts.id} healed: ${facts.text}`),
      ...gone.map((id) => `${id} was healed already`),
    ];
    const text = lines.length === 0 ? 'no fault is active' : lines.join('\n');
    return ok({ text, faults: chosen.map(({ facts }) => facts) });
  }

  async #resume(target: string): Promise<Result<FaultOutcome, string>> {
    const paused = [...this.#active.values()].filter(({ effect }) => effect.type === 'pause');
    const ids = paused.flatMap(({ facts }) => (facts.targets.includes(target) ? [facts.id] : []));
    if (ids.length > 0) return this.#heal(ids);
    const names = paused.flatMap(({ facts }) => facts.targets);
    return err(`${target} is not paused (${names.length === 0 ? 'nobody is' : `paused: ${names.join(', ')}`})`);
  }

  #wasInjected(id: string): boolean {
    const [, number] = /^f(\d+)$/.exec(id) ?? [];
    return number !== undefined && Number(number) >= 1 && Number(number) <= this.#lastId;
  }

  /** Takes these faults, which are no longer active, off processes, links and disks. Null, or what went wrong. */
  async #lift(faults: readonly Active[]): Promise<string | null> {
    const effects = faults.map(({ effect }) => effect);
    // First, so that they hear the rest.
    for (const effect of effects) if (effect.type === 'pause') this.#options.processes.resume(effect.name);
    const disks = new Set(effects.flatMap((effect) => (effect.type === 'disk' ? [effect.name] : [])));
    const lifted = await Promise.all([
      effects.some(({ type }) => type === 'links')
        ? this.#options.links.setLinks(composeLinks(this.#effects()))
        : ok(undefined),
      ...[...disks].map((name) => this.#setDisk(name)),
    ]);
    const failed = lifted.find((one) => !one.ok);
    return failed === undefined || failed.ok ? null : failed.error;
  }

  /** Starts what these faults have brought down, unless another keeps it there. */
  async #startAgain(faults: readonly Active[]): Promise<string | null> {
    const kept = new Set(this.#effects().flatMap((effect) => (isEnding(effect) ? [effect.name] : [])));
    const names = new Set<string>();
    for (const { effect, before } of faults) {
      if (isEnding(effect) && before.running && !kept.has(effect.name)) names.add(effect.name);
    }
    const all = this.#options.processes.all();
    const down = [...names].filter((name) => all.find((process) => process.name === name)?.state === 'stopped');
    const problems = await Promise.all(down.map((name) => this.#options.processes.control('start', name)));
    return problems.find((problem) => problem !== null) ?? null;
  }

  #effects(): readonly FaultEffect[] {
    return [...this.#active.values()].map(({ effect }) => effect);
  }

  #setDisk(name: string): Promise<Result<void, string>> {
    return this.#options.disks.setDisk(name, composeDisks(this.#effects()).get(name) ?? null);
  }

  #note({ facts }: Active, text: string): void {
    for (const name of facts.targets) this.#options.processes.note(name, `fault ${facts.id}: ${text}`);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return done;
  }
}

const nothing = Promise.resolve(null);

/** Over as soon as it is done: nothing is left to heal. */
function isMomentary({ type }: FaultEffect): boolean {
  return type === 'restart' || type === 'move-leader';
}

/** It ends its process: at once, or with the next sync. */
function isEnding(effect: FaultEffect): effect is Extract<FaultEffect, { type: 'kill' | 'stop' | 'disk' }> {
  return effect.type === 'kill' || effect.type === 'stop' || (effect.type === 'disk' && effect.rule.error !== null);
}

function unseen({ over, effect }: Active): string {
  if (over.signal.aborted) return 'healed by another order before it was seen to take effect';
  switch (effect.type) {
    case 'links':
      return 'not seen to take effect yet: nothing has passed there since';
    case 'disk':
      return 'not seen to take effect yet: nothing was written since';
    default:
      return 'not seen to take effect yet';
  }
}
