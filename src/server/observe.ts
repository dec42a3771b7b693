/** Connects the metrics to what they measure: handles for those that count, and a refresh for those that are read when asked. */
import { Duration } from '../base/duration.ts';
import { defaultQuotaBytes } from './apply/quota.ts';
import { formatId } from './cluster/ids.ts';
import { alarmNames, type HealthCounters } from './gateway/health.ts';
import type { GrpcServer } from './grpc/server.ts';
import type { Logger } from './log/logger.ts';
import type { Member } from './member/member.ts';
import type { ApplyMetrics, MaintenanceMetrics, MemberMetrics as MemberCounters } from './member/member-metrics.ts';
import { serverVersion } from './member/server-version.ts';
import type { MemberMetrics } from './metrics/member.ts';
import type { Counter, Family, Gauge, Histogram, Registry } from './metrics/registry.ts';
import type { AllMetrics } from './metrics/scrape.ts';
import type { PeerMetrics } from './peer/metrics.ts';
import type { TimedAction } from './storage/backend/backend.ts';
import type { WalOptions } from './storage/wal/options.ts';

/** A sync that takes longer is worth a line (etcd's warnSyncDuration). */
const slowSyncMs = 1_000;

/** What the database's file costs; etcd's dashboards warn of slow commits. */
export function backendHook({ disk, mvcc }: MemberMetrics): (action: TimedAction, tookMs: number) => void {
  const histograms: Readonly<Record<TimedAction, Histogram>> = {
    commit: disk.backendCommitDurationSeconds,
    snapshot: disk.backendSnapshotDurationSeconds,
    hash: mvcc.hashDurationSeconds,
    defragment: disk.backendDefragDurationSeconds,
  };
  return (action, tookMs) => histograms[action].observe(tookMs / 1000);
}

/** Counts what is on its way, and what became of it. */
function transfers(
  inflights: Family<Gauge>,
  successes: Family<Counter>,
  failures: Family<Counter>,
  seconds: Family<Histogram>,
): (peer: string) => (succeeded: boolean) => void {
  return (peer) => {
    const begunMs = performance.now();
    const inflight = inflights.labels(peer);
    inflight.set(inflight.value + 1);
    return (succeeded) => {
      inflight.set(inflight.value - 1);
      (succeeded ? successes : failures).labels(peer).inc();
      if (succeeded) seconds.labels(peer).observe((performance.now() - begunMs) / 1000);
    };
  };
}

function maintenanceMetrics({ mvcc, snap, network }: MemberMetrics): MaintenanceMetrics {
  return {
    compactionMs: mvcc.dbCompactionTotalDurationMilliseconds,
    compactionPauseMs: mvcc.dbCompactionPauseDurationMilliseconds,
    compacted: (nowMs) => mvcc.dbCompactionLast.set(Math.floor(nowMs / 1000)),
    hashRevisionSeconds: mvcc.hashRevDurationSeconds,
    snapshotSaveSeconds: {
      // Nearly all of it is the sync.
      observe: (seconds) => {
        snap.saveTotalDurationSeconds.observe(seconds);
        snap.fsyncDurationSeconds.observe(seconds);
      },
    },
    databaseSaveSeconds: snap.dbSaveTotalDurationSeconds,
    sendingSnapshot: transfers(
      network.snapshotSendInflightsTotal,
      network.snapshotSendSuccess,
      network.snapshotSendFailures,
      network.snapshotSendTotalDurationSeconds,
    ),
    receivingSnapshot: transfers(
      network.snapshotReceiveInflightsTotal,
      network.snapshotReceiveSuccess,
      network.snapshotReceiveFailures,
      network.snapshotReceiveTotalDurationSeconds,
    ),
  };
}

/** Handles are kept, for this is called once an entry. */
function applyMetrics({ server }: MemberMetrics): ApplyMetrics {
  const succeeded = new Map<string, Histogram>();
  const refused = new Map<string, Histogram>();
  const handleOf = (type: string, isGood: boolean): Histogram => {
    // The v2 store is written to by PUT only.
    const [version, op] = type === 'v2' ? ['v2', 'PUT'] : ['v3', `${type.slice(0, 1).toUpperCase()}${type.slice(1)}`];
    const handle = server.applyDurationSeconds.labels(version, op, `${isGood}`);
    (isGood ? succeeded : refused).set(type, handle);
    return handle;
  };
  return {
    applied: (type, isGood, seconds) => {
      const handle = (isGood ? succeeded : refused).get(type) ?? handleOf(type, isGood);
      handle.observe(seconds);
    },
    slow: server.slowApplyTotal,
  };
}

export function memberCounters(metrics: MemberMetrics): MemberCounters {
  const { server, lease } = metrics;
  return {
    apply: applyMetrics(metrics),
    maintenance: maintenanceMetrics(metrics),
    leases: {
      granted: lease.grantedTotal,
      grantedSeconds: lease.ttlTotal,
      revoked: lease.revokedTotal,
      renewed: lease.renewedTotal,
      expired: server.leaseExpiredTotal,
    },
    proposalsFailed: server.proposalsFailedTotal,
    slowReadIndexes: server.slowReadIndexesTotal,
    readIndexesFailed: server.readIndexesFailedTotal,
    leaderChanges: server.leaderChangesSeenTotal,
  };
}

export function walHooks({ disk }: MemberMetrics, logger: Logger): WalOptions {
  const log = logger.at('storage/wal/wal.ts');
  return {
    onSync: (durationMs) => {
      disk.walFsyncDurationSeconds.observe(durationMs / 1000);
      if (durationMs > slowSyncMs) {
        log.warn('slow fdatasync', {
          took: Duration.fromMs(durationMs),
          'expected-duration': Duration.fromMs(slowSyncMs),
        });
      }
    },
    onWrite: (bytes, durationMs) => {
      disk.walWriteBytesTotal.add(bytes);
      disk.walWriteDurationSeconds.observe(durationMs / 1000);
    },
  };
}

export function peerMetrics({ network }: MemberMetrics): PeerMetrics {
  return {
    peerActive: (local, remote, active) => network.activePeers.labels(local, remote).set(active ? 1 : 0),
    peerDisconnected: (local, remote) => network.disconnectedPeersTotal.labels(local, remote).inc(),
    sentBytes: (to, bytes) => network.peerSentBytesTotal.labels(to).add(bytes),
    receivedBytes: (from, bytes) => network.peerReceivedBytesTotal.labels(from).add(bytes),
    sentFailure: (to) => network.peerSentFailuresTotal.labels(to).inc(),
    receivedFailure: (from) => network.peerReceivedFailuresTotal.labels(from).inc(),
    roundTripSeconds: (to, seconds) => network.peerRoundTripTimeSeconds.labels(to).observe(seconds),
  };
}

export function healthCounters({ server }: MemberMetrics, logger: Logger): HealthCounters {
  return {
    logger: logger.at('gateway/health.ts'),
    health: (healthy) => (healthy ? server.healthSuccess : server.healthFailures).inc(),
    check: (type, name, healthy) => {
      server.healthcheck.labels(type, name).set(healthy ? 1 : 0);
      server.healthchecksTotal.labels(type, name, healthy ? 'success' : 'error').inc();
    },
  };
}

/** Carries the gRPC server's own counts into the metrics, whenever those are asked for. */
export function observeGrpc({ registry, grpc, member }: AllMetrics, server: GrpcServer): void {
  const methods = [...server.methods()].flatMap(({ service, name, counters }) => {
    const metrics = grpc.method(`/${service}/${name}`);
    return metrics === null ? [] : [{ counters, metrics }];
  });
  const { clientGrpcReceivedBytesTotal, clientGrpcSentBytesTotal } = member.network;
  registry.beforeScrape(() => {
    raise(clientGrpcReceivedBytesTotal, server.receivedBytes);
    raise(clientGrpcSentBytesTotal, server.sentBytes);
    for (const { counters, metrics } of methods) {
      raise(metrics.started, counters.started);
      raise(metrics.received, counters.messagesReceived);
      raise(metrics.sent, counters.messagesSent);
      for (const [code, count] of counters.handled.entries()) {
        if (count > 0) raise(metrics.handled(code), count);
      }
    }
  });
}

/** Brings a counter up to a total that is counted elsewhere. */
function raise(counter: Counter, total: number): void {
  counter.add(total - counter.value);
}

/** Reads the member's state into its gauges, whenever metrics are asked for. */
export function observeMember(registry: Registry, metrics: MemberMetrics, member: Member): void {
  const { server, mvcc } = metrics;
  const { store } = member;
  const id = formatId(member.memberId);
  server.id.labels(id).set(1);
  server.version.labels(serverVersion).set(1);
  server.goVersion.labels(`nodejs ${process.version}`).set(1);
  registry.beforeScrape(() => {
    server.hasLeader.set(member.leaderId() === 0n ? 0 : 1);
    server.isLeader.set(member.isLeader() ? 1 : 0);
    server.isLearner.set(member.isLearner() ? 1 : 0);
    server.proposalsAppliedTotal.set(member.appliedIndex());
    server.proposalsCommittedTotal.set(member.committedIndex());
    server.proposalsPending.set(member.pendingProposals());
    const version = member.clusterVersion();
    server.clusterVersion.clear();
    if (version !== null) server.clusterVersion.labels(version.replace(/\.0$/, '')).set(1);
    server.alarms.clear();
    for (const { memberId, alarm } of member.alarms())
      server.alarms.labels(formatId(memberId), alarmNames[alarm] ?? `${alarm}`).set(1);
    const size = member.databaseSize();
    server.quotaBackendBytes.set(size.quota === 0 ? defaultQuotaBytes : size.quota);
    mvcc.dbTotalSizeInBytes.set(size.total);
    mvcc.dbTotalSizeInUseInBytes.set(size.inUse);
    mvcc.currentRevision.set(store.revision);
    mvcc.compactRevision.set(store.compactRevision);
    mvcc.keysTotal.set(store.index.liveKeys);
    mvcc.totalPutSizeInBytes.set(store.totals.putBytes);
    raise(mvcc.rangeTotal, store.totals.ranges);
    raise(mvcc.putTotal, store.totals.puts);
    raise(mvcc.deleteTotal, store.totals.deletes);
    raise(mvcc.txnTotal, store.totals.txns);
    raise(mvcc.dbCompactionKeysTotal, store.totals.compactedRevisions);
    for (const peer of member.members()) {
      if (peer.id !== member.memberId) metrics.network.knownPeers.labels(id, formatId(peer.id)).set(1);
    }
  });
}
