/** What can be done to a run, as people ask for it; who is meant by `leader` is decided when it happens. Pure. */
import type { CutMode } from '../../base/admin-protocol.ts';

/** The name of a process, or `leader`, `follower` or `random` for a member of the cluster. */
export type Target = string;

/** Links as people write them: `A>B` is one direction, `A=B` both. */
export interface LinkWish {
  readonly from: Target;
  readonly to: Target;
  readonly bothWays: boolean;
}

export type Partition =
  /** Cut off from all others. */
  | { readonly type: 'isolate'; readonly target: Target }
  /** Two groups that do not hear each other; null: by their order, the first half and the rest. */
  | { readonly type: 'halves'; readonly group: readonly Target[] | null }
  /** Two halves that hear each other only through the target, which is in both. */
  | { readonly type: 'bridge'; readonly target: Target }
  /** Everyone hears two neighbours only. */
  | { readonly type: 'ring' }
  | { readonly type: 'links'; readonly links: readonly LinkWish[] }
  /** The leader hears, but is not heard. */
  | { readonly type: 'leader-outbound' }
  /** The leader is heard, but hears nobody. */
  | { readonly type: 'leader-inbound' }
  /** The leader stays with the majority. */
  | { readonly type: 'majority' }
  /** The leader is left with a minority. */
  | { readonly type: 'minority' };

/** The links that a delay or a loss is about. */
export type LinkChoice =
  | { readonly type: 'all' }
  /** All to and from a member. */
  | { readonly type: 'member'; readonly target: Target }
  | { readonly type: 'links'; readonly links: readonly LinkWish[] };

export type FaultCommand =
  | { readonly type: 'kill' | 'stop' | 'restart' | 'pause'; readonly target: Target }
  | { readonly type: 'resume'; readonly target: Target }
  /** Null: any other voter. */
  | { readonly type: 'move-leader'; readonly to: Target | null }
  | {
      readonly type: 'partition';
      readonly partition: Partition;
      readonly mode: CutMode;
      readonly messages: readonly string[] | null;
    }
  | {
      readonly type: 'delay';
      readonly links: LinkChoice;
      readonly delayMs: number;
      readonly jitterMs: number;
      readonly messages: readonly string[] | null;
    }
  | {
      readonly type: 'loss';
      readonly links: LinkChoice;
      /** 0 to 1. */
      readonly share: number;
      readonly messages: readonly string[] | null;
    }
  | { readonly type: 'disk'; readonly target: Target; readonly slowMs: number; readonly error: string | null }
  | { readonly type: 'heal'; readonly ids: readonly string[] | 'all' }
  | { readonly type: 'list' };

export const faultVerbs = [
  'kill',
  'stop',
  'restart',
  'pause',
  'resume',
  'move-leader',
  'partition',
  'delay',
  'loss',
  'disk',
  'heal',
  'list',
] as const;
export type FaultVerb = (typeof faultVerbs)[number];

/** Words that stand for a member; a process of such a name goes first. */
export const roleTargets = ['leader', 'follower', 'random'] as const;
