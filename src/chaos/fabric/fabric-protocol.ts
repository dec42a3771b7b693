/** What the supervisor and the thread of the fabric say to each other. */
import type { LinkRule } from '../faults/link-backend.ts';
import type { FabricLink, FabricMember, FabricObservation } from './fabric.ts';

/** What the thread is started with. */
export interface FabricThreadData {
  readonly password: string;
  /** Of jitter and losses. */
  readonly seed: number;
}

export type FabricOrder =
  | { readonly op: 'add-members'; readonly members: readonly FabricMember[] }
  | { readonly op: 'set-links'; readonly rules: readonly LinkRule[] }
  | { readonly op: 'probe'; readonly links: readonly FabricLink[] }
  | { readonly op: 'observe' };

/** One at a time and in order: the answer to each comes before that to the next. */
export type FabricAnswer =
  /** The first: it listens. */
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'observed'; readonly links: readonly FabricObservation[] };
