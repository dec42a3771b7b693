/** Reads what the dashboard shows of /metrics of an etcd, 3.4 to 3.6 and bundled. Pure. */

/** Cumulative, as Prometheus has it: how many were at most so long. */
export type Histogram = ReadonlyMap<number, number>;

/** As of one reading; counters since the member started. Null or empty where the etcd does not tell. */
export interface MetricsReading {
  readonly memberId: string | null;
  readonly version: string | null;
  readonly role: 'leader' | 'follower' | 'learner' | null;
  readonly committed: number | null;
  readonly applied: number | null;
  readonly dbBytes: number | null;
  readonly dbInUseBytes: number | null;
  /** Of syncs of the WAL, by seconds. */
  readonly syncs: Histogram;
  /** By member id. */
  readonly peers: ReadonlyMap<string, PeerReading>;
}

export interface PeerReading {
  /** Streams are up; null: not told. */
  readonly active: boolean | null;
  readonly rttSeconds: number;
  readonly rttCount: number;
}

const noPeer: PeerReading = { active: null, rttSeconds: 0, rttCount: 0 };

/** Never throws: what it does not understand it leaves out. */
export function readMetrics(text: string): MetricsReading {
  const values = new Map<string, number>();
  const syncs = new Map<number, number>();
  const peers = new Map<string, PeerReading>();
  let memberId: string | null = null;
  let version: string | null = null;
  for (const line of text.split('\n')) {
    if (!line.startsWith('etcd_')) continue;
    const [, name = '', labels = '', digits] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const value = Number(digits);
    switch (name) {
      case 'etcd_server_id':
        memberId = labelOf(labels, 'server_id');
        break;
      case 'etcd_server_version':
        version = labelOf(labels, 'server_version');
        break;
      case 'etcd_disk_wal_fsync_duration_seconds_bucket':
        syncs.set(limitOf(labels), value);
        break;
      case 'etcd_network_active_peers':
        addPeer(peers, labelOf(labels, 'Remote'), { active: value > 0 });
        break;
      case 'etcd_network_peer_round_trip_time_seconds_sum':
        addPeer(peers, labelOf(labels, 'To'), { rttSeconds: value });
        break;
      case 'etcd_network_peer_round_trip_time_seconds_count':
        addPeer(peers, labelOf(labels, 'To'), { rttCount: value });
        break;
      default:
        values.set(name, value);
    }
  }
  const number = (name: string) => values.get(name) ?? null;
  return {
    memberId,
    version,
    role: roleOf(number('etcd_server_is_leader'), number('etcd_server_is_learner')),
    committed: number('etcd_server_proposals_committed_total'),
    applied: number('etcd_server_proposals_applied_total'),
    dbBytes: number('etcd_mvcc_db_total_size_in_bytes'),
    dbInUseBytes: number('etcd_mvcc_db_total_size_in_use_in_bytes'),
    syncs,
    peers,
  };
}

/**
 * The value that `share` (0 to 1) of what came between two readings was at most, interpolated within its bucket as Prometheus does.
 * Null if nothing came. Above the last limit it is that limit.
 */
export function quantile(share: number, before: Histogram | null, now: Histogram): number | null {
  const limits = [...now.keys()].sort((a, b) => a - b);
  const countAt = (limit: number) => (now.get(limit) ?? 0) - (before?.get(limit) ?? 0);
  const total = countAt(limits.at(-1) ?? Number.POSITIVE_INFINITY);
  if (!(total > 0)) return null;
  const rank = share * total;
  let [from, below] = [0, 0];
  for (const limit of limits) {
    const count = countAt(limit);
    if (count >= rank) {
      if (!Number.isFinite(limit)) return from;
      return count === below ? limit : from + ((limit - from) * (rank - below)) / (count - below);
    }
    [from, below] = [limit, count];
  }
  return from;
}

/** Mean of what came between two readings, or of all if nothing did; null without any. Seconds. */
export function meanRtt(before: PeerReading | null, now: PeerReading): number | null {
  const count = now.rttCount - (before?.rttCount ?? 0);
  if (count > 0) return (now.rttSeconds - (before?.rttSeconds ?? 0)) / count;
  return now.rttCount > 0 ? now.rttSeconds / now.rttCount : null;
}

function addPeer(peers: Map<string, PeerReading>, id: string | null, reading: Partial<PeerReading>): void {
  if (id !== null) peers.set(id, { ...(peers.get(id) ?? noPeer), ...reading });
}

function roleOf(isLeader: number | null, isLearner: number | null): MetricsReading['role'] {
  if (isLeader === null) return null;
  if (isLearner === 1) return 'learner';
  return isLeader === 1 ? 'leader' : 'follower';
}

function labelOf(labels: string, name: string): string | null {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1] ?? null;
}

function limitOf(labels: string): number {
  const limit = labelOf(labels, 'le');
  return limit === '+Inf' ? Number.POSITIVE_INFINITY : Number(limit);
}
