import { describe, expect, it } from 'vitest';
import { meanRtt, quantile, readMetrics } from '../../../src/supervisor/observe/metrics-text.ts';

/** Of a member of a cluster of three, etcd 3.6.5; what is not read is left out. */
const text = `# HELP etcd_server_id Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.
# TYPE etcd_server_id gauge
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 6
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 7
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.016"} 8
etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 8
etcd_mvcc_db_total_size_in_bytes 20480
etcd_mvcc_db_total_size_in_use_in_bytes 16384
etcd_network_active_peers{Local="bbccad29564799ab",Remote="4a2b869b78db6cb2"} 1
etcd_network_active_peers{Local="bbccad29564799ab",Remote="62d50a530c280b57"} 0
etcd_network_peer_round_trip_time_seconds_sum{To="4a2b869b78db6cb2"} 0.007120858000000001
etcd_network_peer_round_trip_time_seconds_count{To="4a2b869b78db6cb2"} 2
etcd_server_id{server_id="bbccad29564799ab"} 1
etcd_server_is_leader 1
etcd_server_is_learner 0
etcd_server_proposals_applied_total 7
etcd_server_proposals_committed_total 8
etcd_server_version{server_version="3.6.5"} 1
go_goroutines 99
`;

describe('readMetrics', () => {
  it('reads what is shown of a member and its links', () => {
    const { syncs, peers, ...rest } = readMetrics(text);
    expect(rest).toEqual({
      memberId: 'bbccad29564799ab',
      version: '3.6.5',
      role: 'leader',
      committed: 8,
      applied: 7,
      dbBytes: 20480,
      dbInUseBytes: 16384,
    });
    expect([...syncs]).toEqual([
      [0.001, 6],
      [0.002, 7],
      [0.016, 8],
      [Number.POSITIVE_INFINITY, 8],
    ]);
    expect([...peers]).toEqual([
      ['4a2b869b78db6cb2', { active: true, rttSeconds: 0.007120858000000001, rttCount: 2 }],
      ['62d50a530c280b57', { active: false, rttSeconds: 0, rttCount: 0 }],
    ]);
  });

  it('knows nothing of a page that is something else', () => {
    const { syncs, peers, ...rest } = readMetrics('<html>etcd_\netcd_server_id\n</html>');
    expect([syncs.size, peers.size]).toEqual([0, 0]);
    expect(Object.values(rest).every((value) => value === null)).toBe(true);
  });
});

describe('quantile', () => {
  const { syncs } = readMetrics(text);

  it('interpolates within the bucket, as Prometheus does', () => {
    expect(quantile(0.5, null, syncs)).toBeCloseTo(0.000_667, 6);
    expect(quantile(1, null, syncs)).toBe(0.016);
  });

  it('counts only what came since the reading before', () => {
    const later = new Map([...syncs].map(([limit, count]) => [limit, limit >= 0.016 ? count + 100 : count]));
    expect(quantile(0.99, syncs, later)).toBeCloseTo(0.015_86, 4);
    expect(quantile(0.99, later, later)).toBeNull();
    expect(quantile(0.99, null, new Map())).toBeNull();
  });

  it('says the last limit of what took longer', () => {
    expect(
      quantile(
        0.99,
        null,
        new Map([
          [1, 0],
          [2, 0],
          [Number.POSITIVE_INFINITY, 5],
        ]),
      ),
    ).toBe(2);
  });
});

describe('meanRtt', () => {
  it('is that of what came since the reading before, or of all', () => {
    const before = { active: true, rttSeconds: 1, rttCount: 10 };
    expect(meanRtt(before, { active: true, rttSeconds: 1.5, rttCount: 15 })).toBeCloseTo(0.1);
    expect(meanRtt(before, before)).toBeCloseTo(0.1);
    expect(meanRtt(null, { active: true, rttSeconds: 0, rttCount: 0 })).toBeNull();
  });
});
