/**
 * The member as a server: its data directory, its ports, its services, and the order in which they come and go.
 */
import http from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { adminSocketVariable } from '../base/admin-protocol.ts';
import { unreachable } from '../base/assert.ts';
import { pathErrorText } from '../base/go-errno.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Admin } from './admin/admin.ts';
import { formatId } from './cluster/ids.ts';
import type { EtcdConfig } from './config/config.ts';
import { startFields } from './config/describe.ts';
import { gateEnabled, gateStates } from './config/feature-gates.ts';
import { type EtcdUrl, isSecure } from './config/urls.ts';
import { type HttpOptions, httpHandler, metricsHandler, versionJson } from './gateway/http.ts';
import { createClientPort } from './grpc/client-port.ts';
import { http1Options } from './grpc/http1-options.ts';
import { GrpcServer } from './grpc/server.ts';
import { Admission } from './grpc/services/admission.ts';
import { registerCluster } from './grpc/services/cluster.ts';
import { registerHealth } from './grpc/services/health.ts';
import { registerKv } from './grpc/services/kv.ts';
import { LeaderLoss } from './grpc/services/leader-loss.ts';
import { registerLease } from './grpc/services/lease.ts';
import { registerMaintenance } from './grpc/services/maintenance.ts';
import { registerNotServed } from './grpc/services/not-served.ts';
import { ServingStatus } from './grpc/services/serving-status.ts';
import { claimListeners, type Entrance, type Listener, type Listeners, serveListeners } from './listeners.ts';
import type { Logger } from './log/logger.ts';
import { maintenanceEvents } from './maintenance-events.ts';
import { Member } from './member/member.ts';
import { type OpenedMember, openMember, walFolder } from './member/open.ts';
import { serverVersion } from './member/server-version.ts';
import type { MemberMetrics } from './metrics/member.ts';
import { type AllMetrics, createMetrics } from './metrics/scrape.ts';
import { nodeClock, nodeRandom } from './node-ports.ts';
import {
  backendHook,
  healthCounters,
  memberCounters,
  observeGrpc,
  observeMember,
  peerMetrics,
  walHooks,
} from './observe.ts';
import { EarlyRequests } from './peer/early-requests.ts';
import { createPeerPort, type PeerPort } from './peer/peer-port.ts';
import { Requester } from './peer/requester.ts';
import { PeerTransport } from './peer/transport.ts';
import { fetchHashes } from './peer-hashes.ts';
import { PeerLeases } from './peer-leases.ts';
import { peerRoutes, promoteAt } from './peer-routes.ts';
import { fetchVersions } from './peer-versions.ts';
import type { Backend } from './storage/backend/backend.ts';
import { openBackend, pageSumsPath, type SumsNews } from './storage/backend/open.ts';
import { bundledWorkerScript } from './storage/backend/worker-link.ts';
import { lockDirectory, lockFile } from './storage/directory-lock.ts';
import { nodeDisk } from './storage/node-disk.ts';
import { walExists } from './storage/wal/read.ts';
import type { ClientTls } from './tls/credentials.ts';
import type { MemberTls } from './tls/open.ts';

const minClusterVersion = '3.0.0';

/** What a gRPC message may be larger than --max-request-bytes (etcd's grpcOverheadBytes). */
const grpcOverheadBytes = 512 * 1024;

/** Requests under way get this long to finish when the server stops. */
const drainMs = 300;

export interface EtcdServer {
  /** Resolves with why the member ended by itself; never if it is stopped. */
  readonly ended: Promise<EndReason>;
  /** Hands over leadership, finishes what is under way, closes the data directory. Safe to call more than once. */
  stop(): Promise<void>;
}

export type EndReason =
  /** The cluster removed this member for good. */
  | { readonly type: 'removed' }
  /** Nothing can be promised any more: the disk failed. */
  | { readonly type: 'failed'; readonly error: Error };

/** What was opened on the way, to be closed in the opposite order. */
class Opened {
  private readonly closers: (() => Promise<void>)[] = [];

  add(close: () => Promise<void>): void {
    this.closers.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.closers.splice(0).reverse()) await close();
  }
}

/** Whether there is any certificate or https URL. */
function wantsTls(config: EtcdConfig): boolean {
  const { client, peer } = config.tls;
  const urls = [
    ...config.listenPeerUrls,
    ...config.listenClientUrls,
    ...config.listenClientHttpUrls,
    ...config.listenMetricsUrls,
  ];
  const files = [client, peer].flatMap((side) => [side.certFile, side.keyFile, side.trustedCaFile]);
  const wanted = urls.some(isSecure) || client.auto || peer.auto || files.some((file) => file !== '');
  return wanted || config.initialCluster.includes('https://');
}

/** Loads the code for it, which a member without TLS does not need. */
async function openTls(config: EtcdConfig, logger: Logger): Promise<Result<MemberTls, string>> {
  const { openMemberTls } = await import('./tls/open.ts');
  return openMemberTls(config, nodeClock.now(), logger.at('tls/open.ts'));
}

/** Null unless the environment names a socket: the code for it is not even loaded. */
async function openAdmin(config: EtcdConfig, logger: Logger): Promise<Admin | null> {
  const path = process.env[adminSocketVariable] ?? '';
  if (path === '') return null;
  const { Admin } = await import('./admin/admin.ts');
  const log = logger.at('admin/admin.ts');
  return Admin.open({ path, name: config.name, clock: nodeClock, random: nodeRandom, logger: log });
}

/**
 * Starts a member and resolves when it takes part in its cluster; clients are served once it has published itself. The error is a text
 * for the log, worded as etcd's; everything opened on the way is closed again.
 */
export async function startEtcdServer(config: EtcdConfig, logger: Logger): Promise<Result<EtcdServer, string>> {
  const opened = new Opened();
  try {
    const started = await start(config, logger.at('etcd-server.ts'), opened);
    if (!started.ok) await opened.close();
    return started;
  } catch (error) {
    await opened.close();
    return err(error instanceof Error ? error.message : String(error));
  }
}

async function start(config: EtcdConfig, logger: Logger, opened: Opened): Promise<Result<EtcdServer, string>> {
  const all = createMetrics({ mode: config.metrics, features: gateStates(config.featureGates) });
  const metrics = all.member;
  // The lock takes a process of its own to get: it is asked for first, and waited for when it is needed.
  const locking = lockMember(config);
  const isFounder = config.initialClusterState === 'new' && !(await walExists(nodeDisk, walFolder(config)));
  const ports = await claimListeners(config, logger, (port) => opened.add(() => port.close()));
  const peers = openPeerPort(isFounder, opened);
  // Other founders wait for an answer: they get it before the lock is there, if no certificate is needed for that.
  const isSecured = wantsTls(config);
  if (ports.ok && !isSecured) peers.listen(ports.value.peer, null);
  const lock = await locking;
  if (lock.ok) opened.add(lock.value);
  if (!ports.ok) return ports;
  if (!lock.ok) return lock;
  const tls = isSecured ? await openTls(config, logger) : ok(null);
  if (!tls.ok) return tls;
  const toPeers = tls.value?.toPeers ?? (() => ({}));
  const admin = await openAdmin(config, logger);
  if (admin !== null) opened.add(() => admin.close());
  if (isSecured) peers.listen(ports.value.peer, tls.value);
  const log = await openMemberLog(config, logger, metrics, toPeers, admin, opened);
  if (!log.ok) return log;

  let end: (reason: EndReason) => void = () => {};
  const ended = new Promise<EndReason>((done) => {
    end = done;
  });
  const transports: PeerTransport[] = [];
  const asking = new Requester(nodeClock, toPeers);
  opened.add(async () => asking.close());
  const member = new Member(config, log.value, {
    clock: nodeClock,
    random: nodeRandom,
    logger: logger.at('member/member.ts'),
    metrics: memberCounters(metrics),
    schedule: (callback) => {
      setImmediate(callback);
    },
    soon: (callback) => process.nextTick(callback),
    connect: (self) => {
      const transport = connectPeers(config, logger, metrics, self, toPeers, admin, () => end({ type: 'removed' }));
      admin?.attach(self, transport);
      transports.push(transport);
      return transport;
    },
    peerVersions: (members) => fetchVersions(asking, members, logger.at('peer-versions.ts')),
    failed: (error) => end({ type: 'failed', error }),
    removed: () => end({ type: 'removed' }),
    disk: admin?.disk(nodeDisk) ?? nodeDisk,
    openDatabase: (path) => openDatabase(config, logger, metrics, path, admin),
    peerHashes: (members, revision, timeoutMs) => {
      const { memberId: localId, clusterId } = log.value;
      const question = { localId, clusterId, revision, timeoutMs };
      return fetchHashes(asking, members, question, logger.at('peer-hashes.ts'));
    },
    promoteAt: (leader, id) => promoteAt(asking, leader, id),
    leasesAtLeader: new PeerLeases(asking, nodeClock),
    ...(admin !== null && { raftChanged: admin.raftChanged }),
  });
  opened.add(async () => {
    member.stop();
    await member.closeState();
  });
  observeMember(all.registry, metrics, member);
  if (log.value.restarted && gateEnabled(config.featureGates, 'InitialCorruptCheck')) {
    const checked = await member.checkCorruption();
    if (!checked.ok) {
      logger.error('checkInitialHashKV failed', { error: checked.error });
      return checked;
    }
  }
  await member.start();
  for (const transport of transports) {
    opened.add(() => transport.close());
    servePeers(ports.value.peer, peers, transport, logger, opened);
  }
  logger.info('now serving peer/client/metrics', {
    'local-member-id': formatId(member.memberId),
    'initial-advertise-peer-urls': texts(config.advertisePeerUrls),
    'listen-peer-urls': texts(config.listenPeerUrls),
    'advertise-client-urls': texts(config.advertiseClientUrls),
    'listen-client-urls': texts(config.listenClientUrls),
    'listen-metrics-urls': texts(config.listenMetricsUrls),
  });

  let stopping: Promise<void> | null = null;
  const clients = new Opened();
  const published = member.publish().then(() => {
    if (stopping === null) serveClients(config, logger, all, member, ports.value, tls.value, clients);
  });
  const stop = async (): Promise<void> => {
    logger.info('closing etcd server', { name: config.name, 'data-dir': config.dataDir });
    await member.transferLeadership();
    member.stop();
    await published;
    await clients.close();
    await opened.close();
    logger.info('closed etcd server', { name: config.name, 'data-dir': config.dataDir });
  };
  return ok({
    ended,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  });
}

async function lockMember(config: EtcdConfig): Promise<Result<() => Promise<void>, string>> {
  const folder = join(config.dataDir, 'member');
  try {
    await nodeDisk.makeDirectory(folder);
  } catch (error) {
    return err(`cannot access data directory: ${pathErrorText(error)}`);
  }
  const lock = await lockDirectory(folder);
  return lock.ok ? lock : err(lock.error.message);
}

async function openMemberLog(
  config: EtcdConfig,
  logger: Logger,
  metrics: MemberMetrics,
  toPeers: () => ClientTls,
  admin: Admin | null,
  opened: Opened,
): Promise<Result<OpenedMember, string>> {
  const memberInitialized = await walExists(nodeDisk, walFolder(config));
  const processors = availableParallelism();
  const directory = { 'data-dir': config.dataDir, 'dir-type': memberInitialized ? 'member' : 'empty' };
  logger.info(
    memberInitialized ? 'server has already been initialized' : 'Initialize and start etcd server',
    directory,
  );
  logger.info(
    'starting an etcd server',
    startFields(config, { version: serverVersion, memberInitialized, processors }),
  );
  const from = {
    disk: admin?.disk(nodeDisk) ?? nodeDisk,
    openDatabase: (path: string) => openDatabase(config, logger, metrics, path, admin),
    turn: () => new Promise<void>((done) => setImmediate(done)),
  };
  const hooks = walHooks(metrics, logger);
  const log = await openMember(config, from, nodeClock, logger, admin?.walHooks(hooks) ?? hooks, toPeers);
  if (!log.ok) {
    logger.error('bootstrap failed', { error: log.error });
    return log;
  }
  opened.add(() => log.value.wal.close());
  opened.add(() => log.value.state.backend.close());
  const ids = { 'cluster-id': formatId(log.value.clusterId), 'local-member-id': formatId(log.value.memberId) };
  if (log.value.restarted)
    logger.info('restarting local member', { ...ids, 'commit-index': log.value.hardState.commit });
  else logger.info('starting local member', ids);
  return log;
}

function openDatabase(
  config: EtcdConfig,
  logger: Logger,
  metrics: MemberMetrics,
  path: string,
  admin: Admin | null,
): Promise<Result<Backend, string>> {
  return openBackend({
    disk: nodeDisk,
    clock: nodeClock,
    path,
    workerScript: bundledWorkerScript(),
    sumsPath: pageSumsPath(path),
    onSums: (news) => logSums(logger, news),
    onTimed: backendHook(metrics),
    batchIntervalMs: config.backendBatchIntervalMs,
    batchLimit: config.backendBatchLimit,
    lock: lockFile,
    ...(admin !== null && { syncFaults: admin.syncFaults.shared }),
  });
}

function logSums(logger: Logger, news: SumsNews): void {
  switch (news.type) {
    case 'discarded':
      logger.info('page checksums are not of the database as it is; beginning anew', { path: news.path });
      return;
    case 'lost':
      logger.warn('cannot keep page checksums for the next start', { path: news.path, error: news.reason });
      return;
    default:
      unreachable(news);
  }
}

function connectPeers(
  config: EtcdConfig,
  logger: Logger,
  metrics: MemberMetrics,
  member: Member,
  tls: () => ClientTls,
  admin: Admin | null,
  removed: () => void,
): PeerTransport {
  return new PeerTransport({
    localId: member.memberId,
    clusterId: member.clusterId,
    serverVersion,
    minClusterVersion,
    localPeerUrls: () => texts(config.advertisePeerUrls),
    raft: {
      process: (message) => member.step(message),
      isIdRemoved: (id) => member.membership.isRemoved(id),
      reportUnreachable: (id) => member.reportUnreachable(id),
      reportSnapshot: (id, success) => member.reportSnapshot(id, success),
      removedFromCluster: removed,
      peerProcessGone: (id) => member.peerProcessGone(id),
      peerConnected: () => member.peerConnected(),
    },
    clock: nodeClock,
    logger: logger.at('peer/transport.ts'),
    versionJson: () => versionJson(member, serverVersion),
    membersJson: () => member.membership.json(),
    metrics: peerMetrics(metrics),
    tls,
    fallback: peerRoutes(member),
    snapshots: { save: (message, database) => member.receiveSnapshot(message, database) },
    ...(admin !== null && { faults: admin.linkFaults }),
  });
}

interface OpenedPeerPort {
  readonly early: EarlyRequests;
  readonly server: PeerPort;
  listen(listeners: readonly Listener[], tls: MemberTls | null): void;
}

/** Peers that come before this member takes part are heard, and answered as far as that makes sense. */
function openPeerPort(isFounder: boolean, opened: Opened): OpenedPeerPort {
  const early = new EarlyRequests({ clock: nodeClock, isFounder });
  const server = createPeerPort({ handler: early.handler });
  opened.add(() => server.close());
  opened.add(async () => early.close());
  const accept = (connection: Duplex) => server.accept(connection);
  const entrance: Entrance = { side: 'peer', protocols: ['http/1.1'], accept };
  return { early, server, listen: (listeners, tls) => serveListeners(listeners, entrance, tls) };
}

function servePeers(
  listeners: readonly Listener[],
  { early, server }: OpenedPeerPort,
  transport: PeerTransport,
  logger: Logger,
  opened: Opened,
): void {
  // Before the transport, so that its peers see connections break and not end.
  opened.add(() => server.close());
  for (const { address } of listeners) {
    logger.info('serving peer traffic', { address });
    opened.add(async () => logger.info('stopped serving peer traffic', { address }));
  }
  early.serve(transport.handler);
}

function serveClients(
  config: EtcdConfig,
  logger: Logger,
  metrics: AllMetrics,
  member: Member,
  listeners: Listeners,
  tls: MemberTls | null,
  opened: Opened,
): void {
  const grpc = new GrpcServer({ maxRecvBytes: config.maxRequestBytes + grpcOverheadBytes });
  const { clientRequestsTotal } = metrics.member.server;
  const admission = new Admission(member, (type, version) => clientRequestsTotal.labels(type, version));
  registerKv(grpc, member, admission);
  registerCluster(grpc, member, admission);
  const { electionTimeoutMs } = config;
  const leaderLoss = new LeaderLoss(electionTimeoutMs, { clock: nodeClock, leaderId: () => member.leaderId() });
  registerLease(grpc, member, admission, leaderLoss);
  const status = new ServingStatus();
  registerMaintenance(grpc, member, serverVersion, admission, maintenanceEvents(config, logger, status));
  registerHealth(grpc, member, admission, status);
  registerNotServed(grpc);
  observeGrpc(metrics, grpc);
  const options: HttpOptions = {
    member,
    serverVersion,
    access: { hostWhitelist: config.hostWhitelist, corsOrigins: config.corsOrigins },
    gateway: config.enableGrpcGateway,
    metrics: metrics.scrape,
    counters: healthCounters(metrics.member, logger),
  };
  logger.info('ready to serve client requests');
  logger.info('grpc service status changed', { service: '', status: 'SERVING' });
  // As in etcd, HTTP leaves the client URLs when it has URLs of its own.
  const http1 = listeners.clientHttp.length > 0 ? null : httpHandler(options);
  const clientPort = createClientPort({ grpc, http1 });
  opened.add(() => clientPort.close(drainMs));
  const traffic = http1 === null ? 'grpc' : 'grpc+http';
  for (const { address, plain, secure } of listeners.client) {
    if (plain) logger.info('serving client traffic insecurely; this is strongly discouraged!', { traffic, address });
    if (secure) logger.info('serving client traffic securely', { traffic, address });
  }
  const protocols = http1 === null ? ['h2'] : ['http/1.1', 'h2'];
  const accept = (connection: Duplex) => clientPort.accept(connection);
  serveListeners(listeners.client, { side: 'client', protocols, accept }, tls);
  const serveHttp = (handler: http.RequestListener, over: readonly Listener[]): void => {
    if (over.length === 0) return;
    const server = http.createServer(http1Options, handler);
    opened.add(async () => server.closeAllConnections());
    const accept = (connection: Duplex) => server.emit('connection', connection);
    serveListeners(over, { side: 'client', protocols: ['http/1.1'], accept }, tls);
  };
  serveHttp(httpHandler(options), listeners.clientHttp);
  serveHttp(metricsHandler(options), listeners.metrics);
}

function texts(urls: readonly EtcdUrl[]): string[] {
  return urls.map((url) => url.text);
}
