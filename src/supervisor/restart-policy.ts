/** Whether a process that ended by itself is started again, and how soon. Pure: time is an input. */
import type { Exit } from './process-machine.ts';

export interface RestartPolicy {
  readonly when: 'no' | 'on-failure' | 'always';
  /** Before the first restart of a window. */
  readonly initialMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
  /** Each delay is this many times the one before; at least 1. */
  readonly factor: number;
  /** More within one window, and the process is given up. */
  readonly maxRestarts: number;
  readonly windowMs: number;
}

/** As much history as is ever kept of one process. */
export const maxRestartsMax = 1_000;

/** The ten delays add up to less than the window, so a process that keeps failing at once is given up after about 100 s. */
export const defaultRestart: RestartPolicy = {
  when: 'no',
  initialMs: 100,
  maxMs: 30_000,
  factor: 2,
  maxRestarts: 10,
  windowMs: 300_000,
};

export type RestartDecision =
  /** `recent` replaces the history. */
  | { readonly type: 'restart'; readonly delayMs: number; readonly recent: readonly number[] }
  /** It ended as it should. */
  | { readonly type: 'rest' }
  /** It ended too often. */
  | { readonly type: 'give-up' };

/** `recent`: when the policy restarted the process before, on the clock of `nowMs`, oldest first. */
export function decideRestart(
  policy: RestartPolicy,
  exit: Exit,
  recent: readonly number[],
  nowMs: number,
): RestartDecision {
  if (policy.when === 'no' || (policy.when === 'on-failure' && exit.code === 0)) return { type: 'rest' };
  const counted = recent.filter((atMs) => nowMs - atMs < policy.windowMs);
  if (counted.length >= policy.maxRestarts) return { type: 'give-up' };
  const delayMs = Math.min(policy.maxMs, policy.initialMs * policy.factor ** counted.length);
  return { type: 'restart', delayMs: Math.round(delayMs), recent: [...counted, nowMs] };
}
