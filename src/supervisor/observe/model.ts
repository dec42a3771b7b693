/**
 * What is known of a run at one moment: the processes, the etcd members among them, their leadership over time, their links and the
 * faults upon them. The dashboard draws it, `status --cluster --json` and NDJSON events tell it. Plain values, no behaviour.
 *
 * `…Ms` of moments is Unix time in milliseconds unless it says monotonic; ids are unpadded hex.
 */

export type Role = 'leader' | 'follower' | 'candidate' | 'pre-candidate' | 'learner';

/** What a member shows of itself. A field is null until it is known, or where its etcd does not tell. */
export interface MemberFacts {
  readonly memberId: string | null;
  readonly clusterId: string | null;
  readonly version: string | null;
  readonly role: Role | null;
  readonly term: number | null;
  /** "0": it knows of no leader. */
  readonly leader: string | null;
  /** The committed index, as `etcdctl endpoint status` has it. */
  readonly raftIndex: number | null;
  readonly appliedIndex: number | null;
  /** Entries behind the highest raft index of the cluster: the last samples, oldest first, at most 60. */
  readonly lag: readonly number[];
  readonly commitsPerSecond: number | null;
  readonly dbBytes: number | null;
  readonly dbInUseBytes: number | null;
  readonly syncP99Ms: number | null;
  readonly clientUrl: string;
  /** Latency of the last health check; null: it failed or none was made. */
  readonly healthMs: number | null;
  /**
   * Why the last question over its client address was not answered; null: it was, or none was asked. Without answers an etcd is known by
   * its log, or as a bundled member by its admin socket, and has no health.
   */
  readonly clientError: string | null;
  /** Bundled members push over their admin socket; others are polled. */
  readonly source: 'admin' | 'poll';
  readonly updatedMs: number;
}

export interface ProcessFacts {
  readonly name: string;
  readonly colourIndex: number;
  readonly state: 'waiting' | 'running' | 'stopping' | 'stopped' | 'paused';
  /** The last end, as a sentence ("exited with 1"); null while it runs or before it ran. */
  readonly ended: string | null;
  readonly ready: boolean;
  readonly pid: number | null;
  readonly port: number | null;
  /** Unix ms of the start of this instance. */
  readonly startedMs: number | null;
  readonly restarts: number;
  /** Share of one core over the last second, 0 to n; null where it cannot be read. */
  readonly cpu: number | null;
  readonly rssBytes: number | null;
  /** Null: not an etcd. */
  readonly member: MemberFacts | null;
}

/** One direction of one link between members, by process names. */
export interface LinkFacts {
  readonly from: string;
  readonly to: string;
  readonly up: boolean | null;
  readonly rttMs: number | null;
  /** Ids of the active faults that touch this direction. */
  readonly faults: readonly string[];
}

/** A fault that somebody injected and nobody healed. */
export interface FaultFacts {
  /** Short and stable, for `fault heal ID`: "f1". */
  readonly id: string;
  /** The command line that injects the same: "partition --isolate etcd1". */
  readonly command: string;
  /** For people: "etcd1 is cut off from etcd2, etcd3". */
  readonly text: string;
  /** Names of processes. */
  readonly targets: readonly string[];
  /** Directions of links that it touches, by names of processes. */
  readonly links: readonly { readonly from: string; readonly to: string }[];
  readonly injectedMs: number;
  /** When its effect was first observed; null: not yet. */
  readonly bitMs: number | null;
}

/**
 * What happened, in order; the dashboard's timeline and NDJSON events are made of these.
 *
 * `cluster` is the id of a cluster. `from`, `to` and `member` are names of processes, or the id of a member that is none of this run.
 */
export type RunEvent =
  /**
   * `to` leads in `term`: once for each term with a leader that was seen. The same leader in the same term again: it was taken for
   * lost, and leads on.
   */
  | {
      readonly type: 'leader-changed';
      readonly atMs: number;
      readonly cluster: string;
      readonly from: string | null;
      readonly to: string;
      readonly term: number;
      /**
       * From the end of the old leadership (its loss as observed, or the fault) to the new; null for the first leader, 0 if no gap was
       * seen.
       */
      readonly downtimeMs: number | null;
    }
  /** Nobody leads: `from` has ended or stepped down, or a majority has turned from it. */
  | {
      readonly type: 'leader-lost';
      readonly atMs: number;
      readonly cluster: string;
      readonly from: string;
      readonly term: number;
    }
  | {
      readonly type: 'election';
      readonly atMs: number;
      readonly cluster: string;
      /** Campaigns, or asks whether it may (pre-vote). */
      readonly member: string;
      /** That it wants to lead. */
      readonly term: number;
    }
  | { readonly type: 'fault-injected'; readonly atMs: number; readonly fault: FaultFacts }
  | { readonly type: 'fault-effective'; readonly atMs: number; readonly id: string; readonly afterMs: number }
  | { readonly type: 'fault-healed'; readonly atMs: number; readonly id: string; readonly command: string }
  /** A process that is an etcd. */
  | { readonly type: 'member-started'; readonly atMs: number; readonly name: string; readonly pid: number }
  | {
      readonly type: 'member-exited';
      readonly atMs: number;
      readonly name: string;
      readonly code: number | null;
      readonly signal: string | null;
    };

/** More events than a run has that anybody looks at; a crash loop for days has more. */
export const eventsMax = 10_000;

export interface Observation {
  readonly atMs: number;
  readonly startedMs: number;
  readonly processes: readonly ProcessFacts[];
  readonly links: readonly LinkFacts[];
  readonly faults: readonly FaultFacts[];
  /** Of the run, oldest first, at most `eventsMax`; only ever appended to, until the oldest make room. `atMs` never falls. */
  readonly events: readonly RunEvent[];
}
