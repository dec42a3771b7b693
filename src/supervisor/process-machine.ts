/**
 * The life of one supervised process as a pure state machine: inputs in, effects out. The shell (process.ts) carries out the
 * effects in order and feeds back what happened.
 *
 * Invariant: whenever something of the process is alive, the machine waits for an input that is sure to come: the exit of the
 * leader, the end of a period, or the answer to a survey. So nothing alive is ever without an owner. While it waits to start,
 * nothing is alive. The exception is what SIGKILL does not end (it belongs to another user, is traced, or sleeps in the kernel):
 * that is told of and given up, for a supervisor that waited for it would never end.
 *
 * The leader is the shell that the supervisor spawned. Leftovers are what else runs of the instance once the leader is gone:
 * the rest of its process group, and strays that left the group but carry the instance's tag.
 */
import { unreachable } from '../base/assert.ts';

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGKILL';

/** How a leader ended: one of the two is not null. A command that could not be spawned has code 127. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export type State =
  /** Nothing is alive. `retry`: it ended by itself and nobody has told it to stay down, so its restart policy may act. */
  | { readonly type: 'idle'; readonly retry: boolean }
  /** Nothing is alive; it starts when those that it depends on are ready, or when the delay before a restart is over. */
  | { readonly type: 'waiting'; readonly for: 'dependencies' | 'delay' }
  | { readonly type: 'running' }
  /** The leader lives and has been told to end. */
  | { readonly type: 'stopping'; readonly sent: Signal; readonly restart: boolean }
  /** The leader is gone; leftovers are looked for and ended. */
  | {
      readonly type: 'sweeping';
      readonly exit: Exit;
      readonly restart: boolean;
      /** Somebody has told it to end. */
      readonly told: boolean;
      /** The last signals that leftovers got, null if none. */
      readonly group: Signal | null;
      readonly strays: Signal | null;
      /** The grace period runs, or is over. */
      readonly graced: boolean;
      readonly surveysAfterKill: number;
    };

export type Input =
  | { readonly type: 'start' }
  /** To be started once those that it depends on are ready: a `start` follows, or a `stop` if that cannot be. */
  | { readonly type: 'hold' }
  /** The restart policy starts it again in so many milliseconds. */
  | { readonly type: 'retry'; readonly delayMs: number }
  | { readonly type: 'delayElapsed' }
  /** `signal` asks politely; SIGKILL follows when the grace period is over. */
  | { readonly type: 'stop'; readonly signal: Signal }
  | { readonly type: 'restart'; readonly signal: Signal }
  /** No grace. */
  | { readonly type: 'kill' }
  | { readonly type: 'exited'; readonly exit: Exit }
  | { readonly type: 'graceElapsed' }
  /** The answer to a `survey`. `group`: the process group has a living member; `strays`: tagged processes outside of it. */
  | { readonly type: 'surveyed'; readonly group: boolean; readonly strays: boolean };

export type Effect =
  /** Answered by exactly one `exited`, at once if the command cannot be spawned. */
  | { readonly type: 'spawn' }
  | { readonly type: 'signal'; readonly target: 'group' | 'strays'; readonly signal: Signal }
  /** Answered by `graceElapsed` unless disarmed first. Arming again restarts the period. */
  | { readonly type: 'armGrace' }
  /** The same after SIGKILL, with a period of its own. */
  | { readonly type: 'armLast' }
  | { readonly type: 'disarmGrace' }
  /** Answered by `delayElapsed` unless disarmed first. */
  | { readonly type: 'armDelay'; readonly delayMs: number }
  | { readonly type: 'disarmDelay' }
  /** Answered by exactly one `surveyed`: at once, or after a short delay. */
  | { readonly type: 'survey'; readonly delayed: boolean }
  /** The instance is over: the leader has ended and nothing is left. */
  | { readonly type: 'ended'; readonly exit: Exit }
  /** The leader has survived SIGKILL for a period: no `exited` may come of it any more. */
  | { readonly type: 'disown' }
  /** Leftovers survived SIGKILL for `surveysAfterKillMax` surveys: told and given up. */
  | { readonly type: 'abandoned' };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** About two seconds of delayed surveys. */
export const surveysAfterKillMax = 100;

export const idle: State = { type: 'idle', retry: false };

/** One input, one transition; inputs that mean nothing in a state change nothing. */
export function step(state: State, input: Input): Step {
  switch (state.type) {
    case 'idle':
      return stepIdle(state, input);
    case 'waiting':
      return stepWaiting(state, input);
    case 'running':
      return stepRunning(state, input);
    case 'stopping':
      return stepStopping(state, input);
    case 'sweeping':
      return stepSweeping(state, input);
    default:
      return unreachable(state);
  }
}

type StateOf<T extends State['type']> = Extract<State, { type: T }>;

function same(state: State): Step {
  return { state, effects: [] };
}

function started(before: readonly Effect[]): Step {
  return { state: { type: 'running' }, effects: [...before, { type: 'spawn' }] };
}

function stepIdle(state: StateOf<'idle'>, input: Input): Step {
  switch (input.type) {
    case 'start':
    case 'restart':
      return started([]);
    case 'hold':
      return same({ type: 'waiting', for: 'dependencies' });
    case 'retry':
      if (!state.retry) return same(state);
      return { state: { type: 'waiting', for: 'delay' }, effects: [{ type: 'armDelay', delayMs: input.delayMs }] };
    case 'stop':
    case 'kill':
      return same(idle);
    case 'exited':
    case 'graceElapsed':
    case 'surveyed':
    case 'delayElapsed':
      return same(state);
    default:
      return unreachable(input);
  }
}

function stepWaiting(state: StateOf<'waiting'>, input: Input): Step {
  const disarm: readonly Effect[] = state.for === 'delay' ? [{ type: 'disarmDelay' }] : [];
  switch (input.type) {
    case 'start':
      return started(disarm);
    case 'restart':
    case 'delayElapsed':
      // What waits for others goes on waiting for them.
      return state.for === 'delay' ? started(disarm) : same(state);
    case 'stop':
    case 'kill':
      return { state: idle, effects: disarm };
    case 'hold':
    case 'retry':
    case 'exited':
    case 'graceElapsed':
    case 'surveyed':
      return same(state);
    default:
      return unreachable(input);
  }
}

function stepRunning(state: StateOf<'running'>, input: Input): Step {
  switch (input.type) {
    case 'stop':
    case 'restart':
      return {
        state: { type: 'stopping', sent: input.signal, restart: input.type === 'restart' },
        effects: [{ type: 'signal', target: 'group', signal: input.signal }, { type: 'armGrace' }],
      };
    case 'kill':
      return {
        state: { type: 'stopping', sent: 'SIGKILL', restart: false },
        effects: [{ type: 'signal', target: 'group', signal: 'SIGKILL' }, { type: 'armLast' }],
      };
    case 'exited':
      return leaderGone(input.exit, null, false);
    case 'start':
    case 'hold':
    case 'retry':
    case 'delayElapsed':
    case 'graceElapsed':
    case 'surveyed':
      return same(state);
    default:
      return unreachable(input);
  }
}

function stepStopping(state: StateOf<'stopping'>, input: Input): Step {
  switch (input.type) {
    case 'kill':
    case 'graceElapsed': {
      if (state.sent === 'SIGKILL') return input.type === 'kill' ? same({ ...state, restart: false }) : undying();
      return {
        state: { ...state, sent: 'SIGKILL', restart: state.restart && input.type !== 'kill' },
        effects: [{ type: 'signal', target: 'group', signal: 'SIGKILL' }, { type: 'armLast' }],
      };
    }
    case 'start':
    case 'hold':
    case 'restart':
      return same({ ...state, restart: true });
    case 'stop':
      return same({ ...state, restart: false });
    case 'exited':
      return leaderGone(input.exit, state.sent, state.restart);
    case 'surveyed':
    case 'retry':
    case 'delayElapsed':
      return same(state);
    default:
      return unreachable(input);
  }
}

/** It counts as leftovers from now on. Nothing is started in the place of what still has its ports and files. */
function undying(): Step {
  const { state, effects } = leaderGone({ code: null, signal: 'SIGKILL' }, 'SIGKILL', false);
  return { state, effects: [{ type: 'disown' }, ...effects] };
}

function stepSweeping(state: StateOf<'sweeping'>, input: Input): Step {
  switch (input.type) {
    case 'surveyed':
      return surveyed(state, input);
    case 'kill':
    case 'graceElapsed':
      return {
        state: {
          ...state,
          group: 'SIGKILL',
          strays: 'SIGKILL',
          graced: true,
          restart: state.restart && input.type !== 'kill',
          told: state.told || input.type === 'kill',
        },
        effects: [
          { type: 'disarmGrace' },
          { type: 'signal', target: 'group', signal: 'SIGKILL' },
          { type: 'signal', target: 'strays', signal: 'SIGKILL' },
        ],
      };
    case 'start':
    case 'hold':
    case 'restart':
      return same({ ...state, restart: true });
    case 'stop':
      return same({ ...state, restart: false, told: true });
    case 'exited':
    case 'retry':
    case 'delayElapsed':
      return same(state);
    default:
      return unreachable(input);
  }
}

function leaderGone(exit: Exit, sent: Signal | null, restart: boolean): Step {
  const strays = sent === 'SIGKILL' ? 'SIGKILL' : null;
  return {
    state: {
      type: 'sweeping',
      exit,
      restart,
      told: sent !== null,
      group: sent,
      strays,
      graced: sent !== null,
      surveysAfterKill: 0,
    },
    effects: [{ type: 'survey', delayed: false }],
  };
}

function surveyed(state: StateOf<'sweeping'>, found: Extract<Input, { type: 'surveyed' }>): Step {
  if (!found.group && !found.strays) return over(state, []);
  const killing = state.group === 'SIGKILL';
  if (killing && state.surveysAfterKill >= surveysAfterKillMax) return over(state, [{ type: 'abandoned' }]);

  const effects: Effect[] = [];
  const signal = killing ? 'SIGKILL' : 'SIGTERM';
  // A group that was told to end keeps its grace period: a second signal could cut short an orderly end. One that got
  // something else than SIGTERM may ignore it, as background jobs of a shell ignore SIGINT. SIGKILL is repeated, for it
  // misses what was forked meanwhile.
  const tellGroup = found.group && (killing || state.group !== 'SIGTERM');
  const tellStrays = found.strays && (killing || state.strays !== 'SIGTERM');
  if (tellGroup) effects.push({ type: 'signal', target: 'group', signal });
  if (tellStrays) effects.push({ type: 'signal', target: 'strays', signal });
  if (!state.graced) effects.push({ type: 'armGrace' });
  effects.push({ type: 'survey', delayed: true });
  return {
    state: {
      ...state,
      group: tellGroup ? signal : state.group,
      strays: tellStrays ? signal : state.strays,
      graced: true,
      surveysAfterKill: killing ? state.surveysAfterKill + 1 : 0,
    },
    effects,
  };
}

function over(state: StateOf<'sweeping'>, before: readonly Effect[]): Step {
  const effects: readonly Effect[] = [...before, { type: 'disarmGrace' }, { type: 'ended', exit: state.exit }];
  return state.restart ? started(effects) : { state: { type: 'idle', retry: !state.told }, effects };
}
