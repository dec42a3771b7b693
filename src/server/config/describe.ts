/** The configuration as etcd logs it in "starting an etcd server": operators and suites look settings up in that line. */
import { Duration } from '../../base/duration.ts';
import type { Fields } from '../log/record.ts';
import type { EtcdConfig } from './config.ts';
import { gateEnabled, gatesText } from './feature-gates.ts';
import type { EtcdUrl } from './urls.ts';

/** The quota that 0 stands for: 2 GiB. */
const quotaDefaultBytes = 2 * 1024 * 1024 * 1024;

/** What the configuration does not know. */
export interface StartContext {
  readonly version: string;
  readonly memberInitialized: boolean;
  /** Processors this process may use. */
  readonly processors: number;
}

/** The fields of the line, in etcd's order. */
export function startFields(config: EtcdConfig, context: StartContext): Fields {
  const { discovery, compaction } = config;
  const retention = compaction.mode === 'periodic' ? compaction.retentionMs : 0;
  return {
    'etcd-version': context.version,
    'git-sha': 'none (clusterctl)',
    'go-version': `none (Node.js ${process.version})`,
    'go-os': process.platform,
    'go-arch': process.arch === 'x64' ? 'amd64' : process.arch,
    'max-cpu-set': context.processors,
    'max-cpu-available': context.processors,
    'member-initialized': context.memberInitialized,
    name: config.name,
    'data-dir': config.dataDir,
    'wal-dir': config.walDir,
    'wal-dir-dedicated': config.walDir,
    'member-dir': `${config.dataDir}/member`,
    'force-new-cluster': config.forceNewCluster,
    'heartbeat-interval': Duration.fromMs(config.heartbeatIntervalMs),
    'election-timeout': Duration.fromMs(config.electionTimeoutMs),
    'initial-election-tick-advance': config.initialElectionTickAdvance,
    'snapshot-count': config.snapshotCount,
    'max-wals': config.maxWals,
    'max-snapshots': config.maxSnapshots,
    'snapshot-catchup-entries': config.snapshotCatchupEntries,
    'initial-advertise-peer-urls': texts(config.advertisePeerUrls),
    'listen-peer-urls': texts(config.listenPeerUrls),
    'advertise-client-urls': texts(config.advertiseClientUrls),
    'listen-client-urls': texts(config.listenClientUrls),
    'listen-metrics-urls': texts(config.listenMetricsUrls),
    'experimental-local-address': '',
    cors: config.corsOrigins,
    'host-whitelist': config.hostWhitelist,
    'initial-cluster': config.initialCluster,
    'initial-cluster-state': config.initialClusterState,
    'initial-cluster-token': config.initialClusterToken,
    'quota-backend-bytes': config.quotaBackendBytes === 0 ? quotaDefaultBytes : config.quotaBackendBytes,
    'max-request-bytes': config.maxRequestBytes,
    'max-concurrent-streams': config.maxConcurrentStreams,
    'pre-vote': config.preVote,
    'feature-gates': gatesText(config.featureGates),
    'initial-corrupt-check': gateEnabled(config.featureGates, 'InitialCorruptCheck'),
    'corrupt-check-time-interval': Duration.fromMs(config.corruptCheckTimeMs),
    'compact-check-time-interval': Duration.fromMs(config.compactHashCheckTimeMs),
    'auto-compaction-mode': compaction.mode === 'revision' ? 'revision' : 'periodic',
    'auto-compaction-retention': Duration.fromMs(retention),
    'auto-compaction-interval': Duration.fromMs(retention),
    'discovery-url': discovery.url,
    'discovery-proxy': discovery.proxy,
    'discovery-token': discovery.token,
    'discovery-endpoints': discovery.endpoints.join(','),
    'discovery-dial-timeout': Duration.fromMs(discovery.dialTimeoutMs),
    'discovery-request-timeout': Duration.fromMs(discovery.requestTimeoutMs),
    'discovery-keepalive-time': Duration.fromMs(discovery.keepAliveTimeMs),
    'discovery-keepalive-timeout': Duration.fromMs(discovery.keepAliveTimeoutMs),
    'discovery-insecure-transport': discovery.insecureTransport,
    'discovery-insecure-skip-tls-verify': discovery.insecureSkipVerify,
    'discovery-cert': discovery.certFile,
    'discovery-key': discovery.keyFile,
    'discovery-cacert': discovery.caFile,
    'discovery-user': discovery.user,
    'downgrade-check-interval': Duration.fromMs(config.downgradeCheckTimeMs),
    'max-learners': config.maxLearners,
    'v2-deprecation': 'write-only',
  };
}

function texts(urls: readonly EtcdUrl[]): readonly string[] {
  return urls.map((url) => url.text);
}
