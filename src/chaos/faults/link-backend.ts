/**
 * What puts faults on the links between members, whatever they are: bundled members do it themselves (their admin sockets), for real
 * ones a fabric of proxies does.
 *
 * Names are process names. A rule is about Raft messages of one direction of one link: `from` sends, `to` receives. Bytes inside a
 * stream are never dropped: a cut holds them back whole or resets connections, loss takes whole messages.
 */
import type { CutMode } from '../../base/admin-protocol.ts';
import type { Result } from '../../base/result.ts';

export interface LinkRule {
  readonly from: string;
  readonly to: string;
  readonly cut: boolean;
  /** What a cut does to messages and connections. A fabric can hold and reset, but drops nothing. */
  readonly mode: CutMode;
  /** Each message is late by this much, plus or minus up to the jitter. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** 0 to 1: the share of messages lost. */
  readonly loss: number;
  /**
   * Raft message types (`MsgApp`, `MsgHeartbeat`…) that the rule is about; absent: all. Of one link there is at most one rule without
   * types and any number with; all that match a message hold for it. Only for backends that tell messages apart.
   */
  readonly messages?: readonly string[];
}

/** What was seen on one direction of one link since the run began; the counters only ever rise. */
export interface LinkObservation {
  readonly from: string;
  readonly to: string;
  /** Messages (or chunks, where messages cannot be told apart) that went through untouched. */
  readonly passed: number;
  /** Those that a rule has dropped, held back or delayed. */
  readonly hit: number;
}

export interface LinkBackend {
  /** It can put rules on some types of messages only; absent: it cannot. */
  readonly tellsMessages?: true;
  /** Why this member's links cannot be faulted here, and what to do about it; null if they can. */
  unsupported(name: string): string | null;
  /**
   * Makes these the rules of all links, at once, in place of those before; a link without a rule is whole. Resolves when they hold for
   * every member that runs; one that starts later gets its rules before it talks to its peers. The error says what could not be done.
   */
  setLinks(rules: readonly LinkRule[]): Promise<Result<void, string>>;
  /** The counters of the links among those members that can be asked now; of `among` (names) at least, if it is given. */
  observed(among?: ReadonlySet<string>): Promise<readonly LinkObservation[]>;
  /**
   * Makes a message travel each of these links, so that a rule shows its effect where nothing is said for the moment (followers do not
   * talk to each other). Absent: there is always something under way.
   */
  probe?(links: readonly { readonly from: string; readonly to: string }[]): Promise<void>;
  /** Whether `probe` can send from this member. Absent: from all. */
  probesFrom?(name: string): boolean;
}
