/**
 * What is known of a run at one moment: the processes, the etcd members among them, their leadership over time, their links and the
 * faults upon them. The dashboard draws it, `status --json` and NDJSON events tell it. Plain values, no behaviour.
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
  readonly targets: readonly string[];
  readonly injectedMs: number;
  /** When its effect was first observed; null: not yet. */
  readonly bitMs: number | null;
}

/** What happened, in order; the dashboard's timeline and NDJSON events are made of these. */
export type RunEvent =
  | {
      readonly type: 'leader-changed';
      readonly atMs: number;
      readonly cluster: string;
      readonly from: string | null;
      readonly to: string;
      readonly term: number;
      /** From the end of the old leadership (its loss as observed, or the fault) to the new; null for the first leader. */
      readonly downtimeMs: number | null;
    }
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
      readonly member: string;
      readonly term: number;
    }
  | { readonly type: 'fault-injected'; readonly atMs: number; readonly fault: FaultFacts }
  | { readonly type: 'fault-effective'; readonly atMs: number; readonly id: string; readonly afterMs: number }
  | { readonly type: 'fault-healed'; readonly atMs: number; readonly id: string; readonly command: string }
  | { readonly type: 'member-started'; readonly atMs: number; readonly name: string; readonly pid: number }
  | {
      readonly type: 'member-exited';
      readonly atMs: number;
      readonly name: string;
      readonly code: number | null;
      readonly signal: string | null;
    };

export interface Observation {
  readonly atMs: number;
  readonly startedMs: number;
  readonly processes: readonly ProcessFacts[];
  readonly links: readonly LinkFacts[];
  readonly faults: readonly FaultFacts[];
  /** All of the run, oldest first; only ever appended to. */
  readonly events: readonly RunEvent[];
}
