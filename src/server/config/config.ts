/** The member's configuration: what flags, environment or file said, checked and in the units the code works in. */
import type { LogConfig } from '../log/open.ts';
import type { CompactionPolicy } from './compaction.ts';
import type { SetGates } from './feature-gates.ts';
import type { EtcdFlagValues } from './flags.ts';
import type { EtcdUrl } from './urls.ts';

/** Paths are as the user gave them: relative ones are relative to the working directory. Empty means not set. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  readonly trustedCaFile: string;
  readonly crlFile: string;
  readonly clientCertAuth: boolean;
  readonly allowedCommonNames: readonly string[];
  readonly allowedHostnames: readonly string[];
  readonly skipClientSanVerification: boolean;
  /** --auto-tls, --peer-auto-tls: make and use a certificate of one's own. */
  readonly auto: boolean;
}

export interface TlsConfig {
  readonly client: TlsFiles;
  readonly peer: TlsFiles;
  readonly cipherSuites: readonly string[];
  /** '' leaves the choice to the TLS library. */
  readonly minVersion: string;
  readonly maxVersion: string;
  readonly selfSignedCertValidityYears: number;
}

export interface DiscoveryConfig {
  readonly url: string;
  readonly proxy: string;
  readonly srvDomain: string;
  readonly srvName: string;
  readonly token: string;
  readonly endpoints: readonly string[];
  readonly dialTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly insecureTransport: boolean;
  readonly insecureSkipVerify: boolean;
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly user: string;
  readonly password: string;
}

export interface TracingConfig {
  readonly enabled: boolean;
  readonly address: string;
  readonly serviceName: string;
  readonly instanceId: string;
  readonly samplesPerMillion: number;
}

export interface EtcdConfig {
  readonly name: string;
  /** Never empty: `<name>.etcd` unless set. */
  readonly dataDir: string;
  /** Empty unless the WAL has a directory of its own. */
  readonly walDir: string;

  /** All URL lists are sorted by text and free of duplicates. */
  readonly listenPeerUrls: readonly EtcdUrl[];
  readonly listenClientUrls: readonly EtcdUrl[];
  /** If not empty, listenClientUrls serve gRPC only and these HTTP only. */
  readonly listenClientHttpUrls: readonly EtcdUrl[];
  readonly listenMetricsUrls: readonly EtcdUrl[];
  readonly advertisePeerUrls: readonly EtcdUrl[];
  readonly advertiseClientUrls: readonly EtcdUrl[];

  /** "name=url,…" as given. Ignored once there is a WAL. */
  readonly initialCluster: string;
  readonly initialClusterState: 'new' | 'existing';
  readonly initialClusterToken: string;
  readonly strictReconfigCheck: boolean;
  readonly forceNewCluster: boolean;
  readonly maxLearners: number;
  readonly discovery: DiscoveryConfig;

  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly initialElectionTickAdvance: boolean;
  readonly preVote: boolean;
  readonly raftReadTimeoutMs: number;
  readonly raftWriteTimeoutMs: number;

  /** Entries applied between two snapshots. */
  readonly snapshotCount: number;
  /** Entries kept in memory behind a snapshot, for slow followers. */
  readonly snapshotCatchupEntries: number;
  /** Files to keep; 0 keeps all. */
  readonly maxSnapshots: number;
  readonly maxWals: number;
  /** 0 means the default, 100 ms. */
  readonly backendBatchIntervalMs: number;
  /** 0 means the default, 10 000. */
  readonly backendBatchLimit: number;
  readonly backendFreelistType: string;
  readonly bootstrapDefragThresholdMegabytes: number;
  /** 0 means the default of 2 GiB; negative means no quota. */
  readonly quotaBackendBytes: number;
  readonly unsafeNoFsync: boolean;
  readonly memoryMlock: boolean;

  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  readonly grpcKeepAliveMinTimeMs: number;
  readonly grpcKeepAliveIntervalMs: number;
  readonly grpcKeepAliveTimeoutMs: number;
  readonly socketReusePort: boolean;
  readonly socketReuseAddress: boolean;
  readonly enableGrpcGateway: boolean;
  readonly corsOrigins: readonly string[];
  readonly hostWhitelist: readonly string[];
  readonly tls: TlsConfig;

  readonly authToken: string;
  readonly authTokenTtlS: number;
  readonly bcryptCost: number;

  readonly compaction: CompactionPolicy;
  /** 0 means the default, 1000 revisions. */
  readonly compactionBatchLimit: number;
  /** 0 means the default, 10 ms. */
  readonly compactionSleepIntervalMs: number;
  readonly compactHashCheckTimeMs: number;
  /** 0 turns the check off. */
  readonly corruptCheckTimeMs: number;
  /** 0 means the default, 10 minutes. */
  readonly watchProgressNotifyIntervalMs: number;
  readonly downgradeCheckTimeMs: number;
  readonly warningApplyDurationMs: number;
  readonly warningUnaryRequestDurationMs: number;

  readonly enablePprof: boolean;
  readonly metrics: 'basic' | 'extensive';
  readonly tracing: TracingConfig;
  readonly log: LogConfig;
  readonly featureGates: SetGates;
}

/** What the flags alone do not say. */
export interface Derived {
  readonly dataDir: string;
  readonly initialCluster: string;
  readonly advertiseClientUrls: readonly EtcdUrl[];
  readonly warningUnaryRequestDurationMs: number;
  readonly compaction: CompactionPolicy;
  readonly log: LogConfig;
}

/** From checked flag values. */
export function buildConfig(values: EtcdFlagValues, derived: Derived): EtcdConfig {
  return {
    name: values.name,
    walDir: values['wal-dir'],
    listenPeerUrls: values['listen-peer-urls'],
    listenClientUrls: values['listen-client-urls'],
    listenClientHttpUrls: values['listen-client-http-urls'],
    listenMetricsUrls: values['listen-metrics-urls'],
    advertisePeerUrls: values['initial-advertise-peer-urls'],
    initialClusterState: values['initial-cluster-state'],
    initialClusterToken: values['initial-cluster-token'],
    strictReconfigCheck: values['strict-reconfig-check'],
    forceNewCluster: values['force-new-cluster'],
    maxLearners: values['max-learners'],
    discovery: discoveryOf(values),
    heartbeatIntervalMs: values['heartbeat-interval'],
    electionTimeoutMs: values['election-timeout'],
    initialElectionTickAdvance: values['initial-election-tick-advance'],
    preVote: values['pre-vote'],
    raftReadTimeoutMs: values['raft-read-timeout'].ms,
    raftWriteTimeoutMs: values['raft-write-timeout'].ms,
    snapshotCount: values['snapshot-count'],
    snapshotCatchupEntries: values['snapshot-catchup-entries'],
    maxSnapshots: values['max-snapshots'],
    maxWals: values['max-wals'],
    backendBatchIntervalMs: values['backend-batch-interval'].ms,
    backendBatchLimit: values['backend-batch-limit'],
    backendFreelistType: values['backend-bbolt-freelist-type'],
    bootstrapDefragThresholdMegabytes: values['bootstrap-defrag-threshold-megabytes'],
    quotaBackendBytes: values['quota-backend-bytes'],
    unsafeNoFsync: values['unsafe-no-fsync'],
    memoryMlock: values['memory-mlock'],
    maxTxnOps: values['max-txn-ops'],
    maxRequestBytes: values['max-request-bytes'],
    maxConcurrentStreams: values['max-concurrent-streams'],
    grpcKeepAliveMinTimeMs: values['grpc-keepalive-min-time'].ms,
    grpcKeepAliveIntervalMs: values['grpc-keepalive-interval'].ms,
    grpcKeepAliveTimeoutMs: values['grpc-keepalive-timeout'].ms,
    socketReusePort: values['socket-reuse-port'],
    socketReuseAddress: values['socket-reuse-address'],
    enableGrpcGateway: values['enable-grpc-gateway'],
    corsOrigins: values.cors,
    hostWhitelist: values['host-whitelist'],
    tls: tlsOf(values),
    authToken: values['auth-token'],
    authTokenTtlS: values['auth-token-ttl'],
    bcryptCost: values['bcrypt-cost'],
    compactionBatchLimit: values['compaction-batch-limit'],
    compactionSleepIntervalMs: values['compaction-sleep-interval'].ms,
    compactHashCheckTimeMs: values['compact-hash-check-time'].ms,
    corruptCheckTimeMs: values['corrupt-check-time'].ms,
    watchProgressNotifyIntervalMs: values['watch-progress-notify-interval'].ms,
    downgradeCheckTimeMs: values['downgrade-check-time'].ms,
    warningApplyDurationMs: values['warning-apply-duration'].ms,
    enablePprof: values['enable-pprof'],
    metrics: values.metrics === 'extensive' ? 'extensive' : 'basic', // any other text means basic, as in etcd
    tracing: {
      enabled: values['enable-distributed-tracing'],
      address: values['distributed-tracing-address'],
      serviceName: values['distributed-tracing-service-name'],
      instanceId: values['distributed-tracing-instance-id'],
      samplesPerMillion: values['distributed-tracing-sampling-rate'],
    },
    featureGates: values['feature-gates'],
    ...derived,
  };
}

function discoveryOf(values: EtcdFlagValues): DiscoveryConfig {
  return {
    url: values.discovery,
    proxy: values['discovery-proxy'],
    srvDomain: values['discovery-srv'],
    srvName: values['discovery-srv-name'],
    token: values['discovery-token'],
    endpoints: values['discovery-endpoints'],
    dialTimeoutMs: values['discovery-dial-timeout'].ms,
    requestTimeoutMs: values['discovery-request-timeout'].ms,
    keepAliveTimeMs: values['discovery-keepalive-time'].ms,
    keepAliveTimeoutMs: values['discovery-keepalive-timeout'].ms,
    insecureTransport: values['discovery-insecure-transport'],
    insecureSkipVerify: values['discovery-insecure-skip-tls-verify'],
    certFile: values['discovery-cert'],
    keyFile: values['discovery-key'],
    caFile: values['discovery-cacert'],
    user: values['discovery-user'],
    password: values['discovery-password'],
  };
}

function tlsOf(values: EtcdFlagValues): TlsConfig {
  return {
    client: {
      certFile: values['cert-file'],
      keyFile: values['key-file'],
      clientCertFile: values['client-cert-file'],
      clientKeyFile: values['client-key-file'],
      trustedCaFile: values['trusted-ca-file'],
      crlFile: values['client-crl-file'],
      clientCertAuth: values['client-cert-auth'],
      allowedCommonNames: [],
      allowedHostnames: values['client-cert-allowed-hostname'],
      skipClientSanVerification: false,
      auto: values['auto-tls'],
    },
    peer: {
      certFile: values['peer-cert-file'],
      keyFile: values['peer-key-file'],
      clientCertFile: values['peer-client-cert-file'],
      clientKeyFile: values['peer-client-key-file'],
      trustedCaFile: values['peer-trusted-ca-file'],
      crlFile: values['peer-crl-file'],
      clientCertAuth: values['peer-client-cert-auth'],
      allowedCommonNames: values['peer-cert-allowed-cn'],
      allowedHostnames: values['peer-cert-allowed-hostname'],
      skipClientSanVerification: values['peer-skip-client-san-verification'],
      auto: values['peer-auto-tls'],
    },
    cipherSuites: values['cipher-suites'],
    minVersion: values['tls-min-version'],
    maxVersion: values['tls-max-version'],
    selfSignedCertValidityYears: values['self-signed-cert-validity'],
  };
}
