/** What faults need to know of the processes that they hit, at the moment when they are injected. Plain values. */

export interface ProcessView {
  readonly name: string;
  readonly state: 'running' | 'stopped' | 'changing';
  readonly paused: boolean;
  /** Null: not an etcd. */
  readonly member: MemberView | null;
}

/** An etcd as it showed itself last. */
export interface MemberView {
  /** The id of its cluster; null until it has been seen. */
  readonly cluster: string | null;
  /** It leads, as it says itself now, in the highest term that anybody leads in. */
  readonly leads: boolean;
}
