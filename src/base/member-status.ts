/** The answer of Maintenance.Status, as whoever looks at an etcd from outside needs it. Ids are unpadded hex, as etcd logs them. */
export interface MemberStatus {
  readonly memberId: string;
  readonly clusterId: string;
  readonly version: string;
  readonly term: number;
  /** "0": it knows of none. */
  readonly leader: string;
  readonly isLearner: boolean;
  /** Committed. */
  readonly raftIndex: number;
  readonly appliedIndex: number;
  readonly dbBytes: number;
  /** 0 where the etcd does not tell. */
  readonly dbInUseBytes: number;
}
