import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Effect, Exit, Input, State } from '../../src/supervisor/process-machine.ts';
import { idle, step, surveysAfterKillMax } from '../../src/supervisor/process-machine.ts';

const ok: Exit = { code: 0, signal: null };

function run(inputs: readonly Input[], from: State = idle): { state: State; effects: string[] } {
  let state = from;
  const effects: string[] = [];
  for (const input of inputs) {
    const next = step(state, input);
    state = next.state;
    effects.push(...next.effects.map(show));
  }
  return { state, effects };
}

function show(effect: Effect): string {
  if (effect.type === 'signal') return `${effect.target} ${effect.signal}`;
  if (effect.type === 'survey') return effect.delayed ? 'survey later' : 'survey';
  return effect.type;
}

const clean: Input = { type: 'surveyed', group: false, strays: false };
const stop: Input = { type: 'stop', signal: 'SIGTERM' };
const exited: Input = { type: 'exited', exit: ok };

const found: Input = { type: 'surveyed', group: true, strays: false };
const surveys = Array.from({ length: surveysAfterKillMax + 1 }, () => found);

describe('a process', () => {
  it('that ends by itself is over once nothing is left', () => {
    const { state, effects } = run([{ type: 'start' }, exited, clean]);
    expect(state).toEqual({ type: 'idle', retry: true });
    expect(effects).toEqual(['spawn', 'survey', 'disarmGrace', 'ended']);
  });

  it('that ended by itself is started again after a delay, unless somebody is quicker', () => {
    const ended: readonly Input[] = [{ type: 'start' }, exited, clean, { type: 'retry', delayMs: 100 }];
    expect(run(ended).state).toEqual({ type: 'waiting', for: 'delay' });
    expect(run([...ended, { type: 'delayElapsed' }]).effects.slice(-3)).toEqual(['armDelay', 'disarmDelay', 'spawn']);
    expect(run([...ended, { type: 'start' }, { type: 'delayElapsed' }]).effects.slice(-2)).toEqual([
      'disarmDelay',
      'spawn',
    ]);
    expect(run([...ended, stop]).state).toEqual(idle);
    expect(run([...ended, stop]).effects.slice(-1)).toEqual(['disarmDelay']);
  });

  it('that was told to end is not started again by its policy', () => {
    const retry: Input = { type: 'retry', delayMs: 100 };
    expect(run([{ type: 'start' }, stop, exited, clean, retry]).state).toEqual(idle);
    expect(run([{ type: 'start' }, exited, stop, clean, retry]).state).toEqual(idle);
    expect(run([{ type: 'start' }, exited, clean, stop, retry]).state).toEqual(idle);
  });

  it('is held until it may start, and can be told not to', () => {
    expect(run([{ type: 'hold' }, { type: 'start' }])).toEqual({ state: { type: 'running' }, effects: ['spawn'] });
    expect(run([{ type: 'hold' }, { type: 'restart', signal: 'SIGTERM' }]).effects).toEqual([]);
    expect(run([{ type: 'hold' }, stop])).toEqual({ state: idle, effects: [] });
  });

  it('is killed when the grace period is over', () => {
    const { effects } = run([{ type: 'start' }, stop, { type: 'graceElapsed' }, exited, clean]);
    expect(effects).toEqual([
      'spawn',
      'group SIGTERM',
      'armGrace',
      'group SIGKILL',
      'armLast',
      'survey',
      'disarmGrace',
      'ended',
    ]);
  });

  it('that leaves others behind ends them, politely first', () => {
    const found: Input = { type: 'surveyed', group: true, strays: true };
    const { effects } = run([{ type: 'start' }, exited, found, { type: 'graceElapsed' }, found, clean]);
    expect(effects).toEqual([
      'spawn',
      'survey',
      'group SIGTERM',
      'strays SIGTERM',
      'armGrace',
      'survey later',
      'disarmGrace',
      'group SIGKILL',
      'strays SIGKILL',
      'group SIGKILL',
      'strays SIGKILL',
      'survey later',
      'disarmGrace',
      'ended',
    ]);
  });

  it('does not hear SIGTERM twice while it ends in order, but its strays hear it once', () => {
    const found: Input = { type: 'surveyed', group: true, strays: true };
    const { effects } = run([{ type: 'start' }, stop, exited, found, found]);
    expect(effects.slice(3)).toEqual(['survey', 'strays SIGTERM', 'survey later', 'survey later']);
  });

  it('whose background jobs ignore SIGINT gets SIGTERM after its leader has gone', () => {
    const { effects } = run([
      { type: 'start' },
      { type: 'stop', signal: 'SIGINT' },
      exited,
      { type: 'surveyed', group: true, strays: false },
    ]);
    expect(effects.slice(3)).toEqual(['survey', 'group SIGTERM', 'survey later']);
  });

  it('starts again after a restart, unless a stop or a kill comes between', () => {
    const restart: Input = { type: 'restart', signal: 'SIGTERM' };
    expect(run([{ type: 'start' }, restart, exited, clean]).state.type).toBe('running');
    expect(run([{ type: 'start' }, restart, stop, exited, clean]).state.type).toBe('idle');
    expect(run([{ type: 'start' }, restart, { type: 'kill' }, exited, clean]).state.type).toBe('idle');
    expect(run([{ type: 'start' }, stop, { type: 'start' }, exited, clean]).state.type).toBe('running');
  });

  it('whose leader does not die of SIGKILL is told of and given up, and nothing is started in its place', () => {
    for (const ask of [stop, { type: 'restart', signal: 'SIGTERM' }] as const) {
      const late: Input = { type: 'graceElapsed' };
      const { state, effects } = run([{ type: 'start' }, ask, late, late, ...surveys]);
      expect(state).toEqual(idle);
      expect(effects.slice(3, 7)).toEqual(['group SIGKILL', 'armLast', 'disown', 'survey']);
      expect(effects.slice(-3)).toEqual(['abandoned', 'disarmGrace', 'ended']);
    }
    expect(run([{ type: 'start' }, { type: 'kill' }, { type: 'graceElapsed' }, clean]).state).toEqual(idle);
  });

  it('whose leftovers do not die of SIGKILL is told of and given up', () => {
    const { state, effects } = run([{ type: 'start' }, { type: 'kill' }, exited, ...surveys]);
    expect(state).toEqual(idle);
    expect(effects.slice(-3)).toEqual(['abandoned', 'disarmGrace', 'ended']);
  });
});

/** An operating system of one instance: a leader and others, some of which ignore SIGTERM, SIGINT or leave the group. */
class World {
  state: State = idle;
  leader = false;
  others: { stray: boolean; stubborn: boolean }[] = [];
  awaited = { exit: false, survey: false, grace: false, delay: false };

  feed(input: Input): void {
    const next = step(this.state, input);
    this.state = next.state;
    for (const effect of next.effects) this.carryOut(effect);
    this.checkOwner();
  }

  get alive(): boolean {
    return this.leader || this.others.length > 0;
  }

  private carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        expect(this.leader).toBe(false);
        expect(this.awaited.exit).toBe(false);
        this.leader = true;
        this.awaited.exit = true;
        return;
      case 'signal':
        if (effect.target === 'group' && effect.signal === 'SIGKILL') this.leader = false;
        this.others = this.others.filter((one) => {
          const hit = one.stray === (effect.target === 'strays');
          return !hit || (one.stubborn && effect.signal !== 'SIGKILL');
        });
        return;
      case 'armGrace':
      case 'armLast':
        this.awaited.grace = true;
        return;
      case 'disarmGrace':
        this.awaited.grace = false;
        return;
      case 'disown':
        this.awaited.exit = false;
        return;
      case 'armDelay':
        expect(this.alive).toBe(false);
        this.awaited.delay = true;
        return;
      case 'disarmDelay':
        this.awaited.delay = false;
        return;
      case 'survey':
        expect(this.awaited.survey).toBe(false);
        this.awaited.survey = true;
        return;
      case 'ended':
      case 'abandoned':
        expect(this.alive).toBe(false);
        return;
    }
  }

  /** Nothing lives without an input that is sure to come; a stop is on its way to an end. */
  private checkOwner(): void {
    if (this.leader) expect(this.awaited.exit).toBe(true);
    if (this.state.type === 'idle' || this.state.type === 'waiting') expect(this.alive).toBe(false);
    expect(this.awaited.delay).toBe(this.state.type === 'waiting' && this.state.for === 'delay');
    if (this.alive) expect(this.awaited.exit || this.awaited.survey).toBe(true);
    if (this.state.type === 'stopping' && this.leader) expect(this.awaited.grace).toBe(true);
    if (this.state.type === 'sweeping' && this.state.group !== 'SIGKILL' && this.state.graced) {
      expect(this.awaited.grace).toBe(true);
    }
  }

  /** What the operating system or the shell does next: one of the things that are pending. */
  advance(choice: number): boolean {
    const pending: (() => void)[] = [];
    if (this.awaited.exit && !this.leader) {
      pending.push(() => {
        this.awaited.exit = false;
        this.feed({ type: 'exited', exit: ok });
      });
    }
    if (this.awaited.survey) {
      pending.push(() => {
        this.awaited.survey = false;
        const group = this.others.some((one) => !one.stray);
        this.feed({ type: 'surveyed', group, strays: this.others.some((one) => one.stray) });
      });
    }
    if (this.awaited.grace) {
      pending.push(() => {
        this.awaited.grace = false;
        this.feed({ type: 'graceElapsed' });
      });
    }
    if (this.awaited.delay) {
      pending.push(() => {
        this.awaited.delay = false;
        this.feed({ type: 'delayElapsed' });
      });
    }
    if (pending.length === 0) return false;
    pending[choice % pending.length]?.();
    return true;
  }
}

describe('the process machine', () => {
  it('never lets anything live without an owner, and ends all of it after a stop', () => {
    const command = fc.oneof(
      fc
        .constantFrom<Input>(
          { type: 'start' },
          { type: 'stop', signal: 'SIGTERM' },
          { type: 'stop', signal: 'SIGINT' },
          { type: 'restart', signal: 'SIGTERM' },
          { type: 'kill' },
          { type: 'hold' },
          { type: 'retry', delayMs: 100 },
        )
        .map((input) => (world: World) => world.feed(input)),
      fc.nat(5).map((choice) => (world: World) => void world.advance(choice)),
      fc.record({ stray: fc.boolean(), stubborn: fc.boolean() }).map((one) => (world: World) => {
        if (world.alive) world.others.push(one);
      }),
      fc.constant((world: World) => {
        world.leader = false; // it ends by itself, or dies of the last signal
      }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), fc.infiniteStream(fc.nat(5)), (commands, choices) => {
        const world = new World();
        for (const act of commands) act(world);
        world.feed({ type: 'stop', signal: 'SIGTERM' });
        let turns = 0;
        while (world.advance(Number(choices.next().value))) expect(++turns).toBeLessThan(1000);
        expect(world.alive).toBe(false);
        expect(world.state).toEqual(idle);
      }),
      { numRuns: 500 },
    );
  });
});
