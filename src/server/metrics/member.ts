/**
 * The metrics of etcd 3.6.5: names, help texts, labels and buckets as dashboards and alerts know them. One group of handles per
 * subsystem; each subsystem is given its group and keeps it up to date.
 */
import type { Registry } from './registry.ts';
import { exponentialBounds } from './registry.ts';

/** Raft, proposals, requests and health of the member itself. */
function serverMetrics(registry: Registry) {
  return {
    clusterVersion: registry.gauges(
      'etcd_cluster_version',
      "Which version is running. 1 for 'cluster_version' label with current cluster version",
      ['cluster_version'],
    ),
    authRevision: registry.gauge('etcd_debugging_auth_revision', 'The current revision of auth store.'),
    alarms: registry.gauges(
      'etcd_debugging_server_alarms',
      "Alarms for every member in cluster. 1 for 'server_id' label with current ID. 2 for 'alarm_type' label with type of this alarm",
      ['server_id', 'alarm_type'],
    ),
    leaseExpiredTotal: registry.counter(
      'etcd_debugging_server_lease_expired_total',
      'The total number of expired leases.',
    ),
    applyDurationSeconds: registry.histograms(
      'etcd_server_apply_duration_seconds',
      'The latency distributions of v2 apply called by backend.',
      ['version', 'op', 'success'],
      exponentialBounds(0.0001, 2, 20),
    ),
    clientRequestsTotal: registry.counters(
      'etcd_server_client_requests_total',
      'The total number of client requests per client version.',
      ['type', 'client_api_version'],
    ),
    featureEnabled: registry.gauges(
      'etcd_server_feature_enabled',
      'Whether or not a feature is enabled. 1 is enabled, 0 is not.',
      ['name', 'stage'],
    ),
    goVersion: registry.gauges(
      'etcd_server_go_version',
      "Which Go version server is running with. 1 for 'server_go_version' label with current version.",
      ['server_go_version'],
    ),
    hasLeader: registry.gauge('etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.'),
    healthFailures: registry.counter('etcd_server_health_failures', 'The total number of failed health checks'),
    healthSuccess: registry.counter('etcd_server_health_success', 'The total number of successful health checks'),
    healthcheck: registry.gauges('etcd_server_healthcheck', 'The result of each kind of healthcheck.', [
      'type',
      'name',
    ]),
    healthchecksTotal: registry.counters(
      'etcd_server_healthchecks_total',
      'The total number of each kind of healthcheck.',
      ['type', 'name', 'status'],
    ),
    heartbeatSendFailuresTotal: registry.counter(
      'etcd_server_heartbeat_send_failures_total',
      'The total number of leader heartbeat send failures (likely overloaded from slow disk).',
    ),
    id: registry.gauges(
      'etcd_server_id',
      "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      ['server_id'],
    ),
    isLeader: registry.gauge('etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.'),
    isLearner: registry.gauge(
      'etcd_server_is_learner',
      'Whether or not this member is a learner. 1 if is, 0 otherwise.',
    ),
    leaderChangesSeenTotal: registry.counter(
      'etcd_server_leader_changes_seen_total',
      'The number of leader changes seen.',
    ),
    learnerPromoteFailures: registry.counters(
      'etcd_server_learner_promote_failures',
      'The total number of failed learner promotions (likely learner not ready) while this member is leader.',
      ['Reason'],
    ),
    learnerPromoteSuccesses: registry.counter(
      'etcd_server_learner_promote_successes',
      'The total number of successful learner promotions while this member is leader.',
    ),
    proposalsAppliedTotal: registry.gauge(
      'etcd_server_proposals_applied_total',
      'The total number of consensus proposals applied.',
    ),
    proposalsCommittedTotal: registry.gauge(
      'etcd_server_proposals_committed_total',
      'The total number of consensus proposals committed.',
    ),
    proposalsFailedTotal: registry.counter(
      'etcd_server_proposals_failed_total',
      'The total number of failed proposals seen.',
    ),
    proposalsPending: registry.gauge(
      'etcd_server_proposals_pending',
      'The current number of pending proposals to commit.',
    ),
    quotaBackendBytes: registry.gauge(
      'etcd_server_quota_backend_bytes',
      'Current backend storage quota size in bytes.',
    ),
    rangeDurationSeconds: registry.histograms(
      'etcd_server_range_duration_seconds',
      'The latency distributions of txn.Range',
      ['success'],
      exponentialBounds(0.0001, 2, 20),
    ),
    readIndexesFailedTotal: registry.counter(
      'etcd_server_read_indexes_failed_total',
      'The total number of failed read indexes seen.',
    ),
    slowApplyTotal: registry.counter(
      'etcd_server_slow_apply_total',
      'The total number of slow apply requests (likely overloaded from slow disk).',
    ),
    slowReadIndexesTotal: registry.counter(
      'etcd_server_slow_read_indexes_total',
      "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
    ),
    snapshotApplyInProgressTotal: registry.gauge(
      'etcd_server_snapshot_apply_in_progress_total',
      '1 if the server is applying the incoming snapshot. 0 if none.',
    ),
    version: registry.gauges(
      'etcd_server_version',
      "Which version is running. 1 for 'server_version' label with current version.",
      ['server_version'],
    ),
  };
}

export type ServerMetrics = ReturnType<typeof serverMetrics>;

/** WAL and backend. */
function diskMetrics(registry: Registry) {
  return {
    backendCommitRebalanceDurationSeconds: registry.histogram(
      'etcd_debugging_disk_backend_commit_rebalance_duration_seconds',
      'The latency distributions of commit.rebalance called by bboltdb backend.',
      exponentialBounds(0.001, 2, 14),
    ),
    backendCommitSpillDurationSeconds: registry.histogram(
      'etcd_debugging_disk_backend_commit_spill_duration_seconds',
      'The latency distributions of commit.spill called by bboltdb backend.',
      exponentialBounds(0.001, 2, 14),
    ),
    backendCommitWriteDurationSeconds: registry.histogram(
      'etcd_debugging_disk_backend_commit_write_duration_seconds',
      'The latency distributions of commit.write called by bboltdb backend.',
      exponentialBounds(0.001, 2, 14),
    ),
    backendCommitDurationSeconds: registry.histogram(
      'etcd_disk_backend_commit_duration_seconds',
      'The latency distributions of commit called by backend.',
      exponentialBounds(0.001, 2, 14),
    ),
    backendDefragDurationSeconds: registry.histogram(
      'etcd_disk_backend_defrag_duration_seconds',
      'The latency distribution of backend defragmentation.',
      exponentialBounds(0.1, 2, 13),
    ),
    backendSnapshotDurationSeconds: registry.histogram(
      'etcd_disk_backend_snapshot_duration_seconds',
      'The latency distribution of backend snapshots.',
      exponentialBounds(0.01, 2, 17),
    ),
    defragInflight: registry.gauge(
      'etcd_disk_defrag_inflight',
      'Whether or not defrag is active on the member. 1 means active, 0 means not.',
    ),
    walFsyncDurationSeconds: registry.histogram(
      'etcd_disk_wal_fsync_duration_seconds',
      'The latency distributions of fsync called by WAL.',
      exponentialBounds(0.001, 2, 14),
    ),
    walWriteBytesTotal: registry.gauge('etcd_disk_wal_write_bytes_total', 'Total number of bytes written in WAL.'),
    walWriteDurationSeconds: registry.histogram(
      'etcd_disk_wal_write_duration_seconds',
      'The latency distributions of write called by WAL.',
      exponentialBounds(0.001, 2, 14),
    ),
  };
}

export type DiskMetrics = ReturnType<typeof diskMetrics>;

/** Keys, revisions, watchers, compaction. */
function mvccMetrics(registry: Registry) {
  return {
    compactRevision: registry.gauge(
      'etcd_debugging_mvcc_compact_revision',
      'The revision of the last compaction in store.',
    ),
    currentRevision: registry.gauge('etcd_debugging_mvcc_current_revision', 'The current revision of store.'),
    dbCompactionKeysTotal: registry.counter(
      'etcd_debugging_mvcc_db_compaction_keys_total',
      'Total number of db keys compacted.',
    ),
    dbCompactionLast: registry.gauge(
      'etcd_debugging_mvcc_db_compaction_last',
      'The unix time of the last db compaction. Resets to 0 on start.',
    ),
    dbCompactionPauseDurationMilliseconds: registry.histogram(
      'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
      'Bucketed histogram of db compaction pause duration.',
      exponentialBounds(1, 2, 13),
    ),
    dbCompactionTotalDurationMilliseconds: registry.histogram(
      'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
      'Bucketed histogram of db compaction total duration.',
      exponentialBounds(100, 2, 14),
    ),
    eventsTotal: registry.counter('etcd_debugging_mvcc_events_total', 'Total number of events sent by this member.'),
    indexCompactionPauseDurationMilliseconds: registry.histogram(
      'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
      'Bucketed histogram of index compaction pause duration.',
      exponentialBounds(0.5, 2, 14),
    ),
    keysTotal: registry.gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.'),
    pendingEventsTotal: registry.gauge(
      'etcd_debugging_mvcc_pending_events_total',
      'Total number of pending events to be sent.',
    ),
    slowWatcherTotal: registry.gauge(
      'etcd_debugging_mvcc_slow_watcher_total',
      'Total number of unsynced slow watchers.',
    ),
    totalPutSizeInBytes: registry.gauge(
      'etcd_debugging_mvcc_total_put_size_in_bytes',
      'The total size of put kv pairs seen by this member.',
    ),
    watchStreamTotal: registry.gauge('etcd_debugging_mvcc_watch_stream_total', 'Total number of watch streams.'),
    watcherTotal: registry.gauge('etcd_debugging_mvcc_watcher_total', 'Total number of watchers.'),
    dbOpenReadTransactions: registry.gauge(
      'etcd_mvcc_db_open_read_transactions',
      'The number of currently open read transactions',
    ),
    dbTotalSizeInBytes: registry.gauge(
      'etcd_mvcc_db_total_size_in_bytes',
      'Total size of the underlying database physically allocated in bytes.',
    ),
    dbTotalSizeInUseInBytes: registry.gauge(
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'Total size of the underlying database logically in use in bytes.',
    ),
    deleteTotal: registry.counter('etcd_mvcc_delete_total', 'Total number of deletes seen by this member.'),
    hashDurationSeconds: registry.histogram(
      'etcd_mvcc_hash_duration_seconds',
      'The latency distribution of storage hash operation.',
      exponentialBounds(0.01, 2, 15),
    ),
    hashRevDurationSeconds: registry.histogram(
      'etcd_mvcc_hash_rev_duration_seconds',
      'The latency distribution of storage hash by revision operation.',
      exponentialBounds(0.01, 2, 15),
    ),
    putTotal: registry.counter('etcd_mvcc_put_total', 'Total number of puts seen by this member.'),
    rangeTotal: registry.counter('etcd_mvcc_range_total', 'Total number of ranges seen by this member.'),
    txnTotal: registry.counter('etcd_mvcc_txn_total', 'Total number of txns seen by this member.'),
  };
}

export type MvccMetrics = ReturnType<typeof mvccMetrics>;

/** Peers and client traffic. */
function networkMetrics(registry: Registry) {
  return {
    activePeers: registry.gauges('etcd_network_active_peers', 'The current number of active peer connections.', [
      'Local',
      'Remote',
    ]),
    clientGrpcReceivedBytesTotal: registry.counter(
      'etcd_network_client_grpc_received_bytes_total',
      'The total number of bytes received from grpc clients.',
    ),
    clientGrpcSentBytesTotal: registry.counter(
      'etcd_network_client_grpc_sent_bytes_total',
      'The total number of bytes sent to grpc clients.',
    ),
    disconnectedPeersTotal: registry.counters(
      'etcd_network_disconnected_peers_total',
      'The total number of disconnected peers.',
      ['Local', 'Remote'],
    ),
    knownPeers: registry.gauges('etcd_network_known_peers', 'The current number of known peers.', ['Local', 'Remote']),
    peerReceivedBytesTotal: registry.counters(
      'etcd_network_peer_received_bytes_total',
      'The total number of bytes received from peers.',
      ['From'],
    ),
    peerReceivedFailuresTotal: registry.counters(
      'etcd_network_peer_received_failures_total',
      'The total number of receive failures from peers.',
      ['From'],
    ),
    peerRoundTripTimeSeconds: registry.histograms(
      'etcd_network_peer_round_trip_time_seconds',
      'Round-Trip-Time histogram between peers',
      ['To'],
      exponentialBounds(0.0001, 2, 16),
    ),
    peerSentBytesTotal: registry.counters(
      'etcd_network_peer_sent_bytes_total',
      'The total number of bytes sent to peers.',
      ['To'],
    ),
    peerSentFailuresTotal: registry.counters(
      'etcd_network_peer_sent_failures_total',
      'The total number of send failures from peers.',
      ['To'],
    ),
    serverStreamFailuresTotal: registry.counters(
      'etcd_network_server_stream_failures_total',
      'The total number of stream failures from the local server.',
      ['Type', 'API'],
    ),
    snapshotReceiveFailures: registry.counters(
      'etcd_network_snapshot_receive_failures',
      'Total number of snapshot receive failures',
      ['From'],
    ),
    snapshotReceiveInflightsTotal: registry.gauges(
      'etcd_network_snapshot_receive_inflights_total',
      'Total number of inflight snapshot receives',
      ['From'],
    ),
    snapshotReceiveSuccess: registry.counters(
      'etcd_network_snapshot_receive_success',
      'Total number of successful snapshot receives',
      ['From'],
    ),
    snapshotReceiveTotalDurationSeconds: registry.histograms(
      'etcd_network_snapshot_receive_total_duration_seconds',
      'Total latency distributions of v3 snapshot receives',
      ['From'],
      exponentialBounds(0.1, 2, 10),
    ),
    snapshotSendFailures: registry.counters(
      'etcd_network_snapshot_send_failures',
      'Total number of snapshot send failures',
      ['To'],
    ),
    snapshotSendInflightsTotal: registry.gauges(
      'etcd_network_snapshot_send_inflights_total',
      'Total number of inflight snapshot sends',
      ['To'],
    ),
    snapshotSendSuccess: registry.counters(
      'etcd_network_snapshot_send_success',
      'Total number of successful snapshot sends',
      ['To'],
    ),
    snapshotSendTotalDurationSeconds: registry.histograms(
      'etcd_network_snapshot_send_total_duration_seconds',
      'Total latency distributions of v3 snapshot sends',
      ['To'],
      exponentialBounds(0.1, 2, 10),
    ),
  };
}

export type NetworkMetrics = ReturnType<typeof networkMetrics>;

/** Snapshot files. */
function snapMetrics(registry: Registry) {
  return {
    saveMarshallingDurationSeconds: registry.histogram(
      'etcd_debugging_snap_save_marshalling_duration_seconds',
      'The marshalling cost distributions of save called by snapshot.',
      exponentialBounds(0.001, 2, 14),
    ),
    saveTotalDurationSeconds: registry.histogram(
      'etcd_debugging_snap_save_total_duration_seconds',
      'The total latency distributions of save called by snapshot.',
      exponentialBounds(0.001, 2, 14),
    ),
    dbFsyncDurationSeconds: registry.histogram(
      'etcd_snap_db_fsync_duration_seconds',
      'The latency distributions of fsyncing .snap.db file',
      exponentialBounds(0.001, 2, 14),
    ),
    dbSaveTotalDurationSeconds: registry.histogram(
      'etcd_snap_db_save_total_duration_seconds',
      'The total latency distributions of v3 snapshot save',
      exponentialBounds(0.1, 2, 10),
    ),
    fsyncDurationSeconds: registry.histogram(
      'etcd_snap_fsync_duration_seconds',
      'The latency distributions of fsync called by snap.',
      exponentialBounds(0.001, 2, 14),
    ),
  };
}

export type SnapMetrics = ReturnType<typeof snapMetrics>;

/** Leases. */
function leaseMetrics(registry: Registry) {
  return {
    grantedTotal: registry.counter('etcd_debugging_lease_granted_total', 'The total number of granted leases.'),
    renewedTotal: registry.counter(
      'etcd_debugging_lease_renewed_total',
      'The number of renewed leases seen by the leader.',
    ),
    revokedTotal: registry.counter('etcd_debugging_lease_revoked_total', 'The total number of revoked leases.'),
    ttlTotal: registry.histogram(
      'etcd_debugging_lease_ttl_total',
      'Bucketed histogram of lease TTLs.',
      exponentialBounds(1, 2, 24),
    ),
  };
}

export type LeaseMetrics = ReturnType<typeof leaseMetrics>;

/** The v2 store, which holds nothing but membership; kept for dashboards. */
function v2StoreMetrics(registry: Registry) {
  return {
    expiresTotal: registry.counter('etcd_debugging_store_expires_total', 'Total number of expired keys.'),
    readsFailedTotal: registry.counters(
      'etcd_debugging_store_reads_failed_total',
      'Failed read actions by (get/getRecursive), local to this member.',
      ['action'],
    ),
    readsTotal: registry.counters(
      'etcd_debugging_store_reads_total',
      'Total number of reads action by (get/getRecursive), local to this member.',
      ['action'],
    ),
    watchRequestsTotal: registry.counter(
      'etcd_debugging_store_watch_requests_total',
      'Total number of incoming watch requests (new or reestablished).',
    ),
    watchers: registry.gauge('etcd_debugging_store_watchers', 'Count of currently active watchers.'),
    writesFailedTotal: registry.counters(
      'etcd_debugging_store_writes_failed_total',
      'Failed write actions (e.g. set/compareAndDelete), seen by this member.',
      ['action'],
    ),
    writesTotal: registry.counters(
      'etcd_debugging_store_writes_total',
      'Total number of writes (e.g. set/compareAndDelete) seen by this member.',
      ['action'],
    ),
  };
}

export type V2StoreMetrics = ReturnType<typeof v2StoreMetrics>;

/** Always zero in a member, as in etcd. */
function grpcProxyMetrics(registry: Registry) {
  return {
    cacheHitsTotal: registry.gauge('etcd_grpc_proxy_cache_hits_total', 'Total number of cache hits'),
    cacheKeysTotal: registry.gauge('etcd_grpc_proxy_cache_keys_total', 'Total number of keys/ranges cached'),
    cacheMissesTotal: registry.gauge('etcd_grpc_proxy_cache_misses_total', 'Total number of cache misses'),
    eventsCoalescingTotal: registry.counter(
      'etcd_grpc_proxy_events_coalescing_total',
      'Total number of events coalescing',
    ),
    watchersCoalescingTotal: registry.gauge(
      'etcd_grpc_proxy_watchers_coalescing_total',
      'Total number of current watchers coalescing',
    ),
  };
}

export type GrpcProxyMetrics = ReturnType<typeof grpcProxyMetrics>;

export interface MemberMetrics {
  readonly server: ServerMetrics;
  readonly disk: DiskMetrics;
  readonly mvcc: MvccMetrics;
  readonly network: NetworkMetrics;
  readonly snap: SnapMetrics;
  readonly lease: LeaseMetrics;
  readonly v2Store: V2StoreMetrics;
  readonly grpcProxy: GrpcProxyMetrics;
}

/** Registers every etcd_* family. Call once per registry. */
export function registerMemberMetrics(registry: Registry): MemberMetrics {
  return {
    server: serverMetrics(registry),
    disk: diskMetrics(registry),
    mvcc: mvccMetrics(registry),
    network: networkMetrics(registry),
    snap: snapMetrics(registry),
    lease: leaseMetrics(registry),
    v2Store: v2StoreMetrics(registry),
    grpcProxy: grpcProxyMetrics(registry),
  };
}
