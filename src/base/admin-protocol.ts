/**
 * The admin socket of a bundled member: newline-delimited JSON over a unix socket (mode 0600) that the member listens on when
 * `CLUSTERCTL_ADMIN_SOCKET` names a path. It pushes what the member knows of itself and takes fault orders; nothing of it is etcd's.
 *
 * Each request gets one answer with its id, in any order; pushes come in between. Ids of members are unpadded hex, as etcd logs them.
 * Times are milliseconds; `atMs` is the wall clock (Unix time).
 */

export const adminSocketVariable = 'CLUSTERCTL_ADMIN_SOCKET';

/**
 * Added to the path of the socket: a file with `AdminOrders` that a member reads once it listens and before it talks to its peers. So
 * the faults of a run hold for a member that starts in the middle of it.
 */
export const adminOrdersSuffix = '.orders';

export interface AdminOrders {
  readonly links: readonly AdminLinkRule[];
  readonly disk: AdminDiskRule | null;
}

/** A longer line is refused, and its connection closed. */
export const adminLineBytesMax = 256 * 1024;

/**
 * What a cut does to the messages of a link. `hold`, as a pulled cable or a firewall that drops packets: they wait, in order, and arrive
 * late when the link is whole again, as many as a stream takes; the rest is lost. `drop`: they are lost, silently. `reset`, as a firewall
 * that refuses: they are lost and their sender knows at once.
 */
export const cutModes = ['hold', 'drop', 'reset'] as const;
export type CutMode = (typeof cutModes)[number];

/**
 * What happens to Raft messages of one direction of one link. `out`: from this member to the peer. Several rules may match a message: of
 * cuts the last in the order of `cutModes` is the one, it is lost if any rule says so, and its delays add up.
 */
export interface AdminLinkRule {
  readonly peer: string;
  readonly direction: 'in' | 'out';
  /** Nothing passes, and this becomes of messages, whole ones and never a part of one; null: the link is not cut. */
  readonly cut: CutMode | null;
  /** Each message is late by this much, plus or minus up to the jitter. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** 0 to 1: the share of messages lost. */
  readonly loss: number;
  /** Raft message types (`MsgApp`, `MsgHeartbeat`…) that the rule is about; null: all. */
  readonly messages: readonly string[] | null;
}

/** What happens to syncs of the WAL and the database. */
export interface AdminDiskRule {
  /** Each sync takes this much longer. */
  readonly syncDelayMs: number;
  /** `EIO`, `ENOSPC`…: syncs fail with it from now on; null: they work. */
  readonly syncError: string | null;
}

export type AdminRequest =
  | { readonly id: number; readonly op: 'set-links'; readonly rules: readonly AdminLinkRule[] }
  | { readonly id: number; readonly op: 'set-disk'; readonly rule: AdminDiskRule | null }
  /**
   * The state now, or an error while the member is still reading its log; `everyMs` (0: no more) also asks for pushes, and one at once on
   * each change of leader, term or role, and when there is a state.
   */
  | { readonly id: number; readonly op: 'status'; readonly everyMs: number }
  /** Answered when the other leads; an error if this member does not lead, or if the other did not take over in time. */
  | { readonly id: number; readonly op: 'move-leader'; readonly to: string }
  /** Sends each of these peers a message that the peer's transport counts and takes out: it shows what rules do on an idle link. */
  | { readonly id: number; readonly op: 'probe'; readonly peers: readonly string[] };

export type AdminAnswer =
  | { readonly id: number; readonly ok: true; readonly status?: AdminStatus }
  | { readonly id: number; readonly ok: false; readonly error: string };

/** What cuts did to the messages of a link, since the member started. */
export interface HeldCounters {
  /** Messages held back now by a cut. */
  readonly outHeld: number;
  readonly inHeld: number;
  /** Messages that a cut had held, and that went on when it was healed. */
  readonly outLate: number;
  readonly inLate: number;
  /** Messages that were lost because too many were held already. */
  readonly outOverflowed: number;
  readonly inOverflowed: number;
}

/** How a link looks from this member. */
export interface AdminLink extends HeldCounters {
  readonly peer: string;
  /** Streams are up. */
  readonly active: boolean;
  /** Round trip of the prober; null before its first answer. */
  readonly rttMs: number | null;
  /** Messages let through, and messages that a rule has held, dropped or delayed, since the member started. */
  readonly outPassed: number;
  readonly outHit: number;
  readonly inPassed: number;
  readonly inHit: number;
  /** Probes of the peer that have arrived past all rules; among `inPassed`, or `inHit` if they were delayed. */
  readonly inProbes: number;
}

export interface AdminStatus {
  readonly name: string;
  readonly memberId: string;
  readonly clusterId: string;
  readonly atMs: number;
  readonly role: 'follower' | 'pre-candidate' | 'candidate' | 'leader';
  readonly isLearner: boolean;
  readonly term: number;
  /** "0": none is known. */
  readonly leader: string;
  /** Last index of the log. */
  readonly lastIndex: number;
  readonly committed: number;
  readonly applied: number;
  readonly revision: number;
  readonly dbBytes: number;
  readonly dbInUseBytes: number;
  /** Of the syncs of the WAL in the last seconds; null without any. */
  readonly syncP99Ms: number | null;
  /** Syncs that a disk rule has slowed or failed, since the member started. */
  readonly syncsHit: number;
  readonly links: readonly AdminLink[];
}

export type AdminPush = { readonly event: 'status'; readonly status: AdminStatus };
