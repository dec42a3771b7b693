/**
 * A member over a simulated disk, whose clock, network and leader are moved by hand: it follows a leader that is only a list of entries,
 * and remembers what it acknowledged.
 */
import type { Clock, Disk, Timer } from '../../src/base/ports.ts';
import { seededRandom } from '../../src/base/prng.ts';
import { err, ok, type Result } from '../../src/base/result.ts';
import { type Entry, type Message, messageType, newMessage, type Snapshot } from '../../src/proto/raftpb.ts';
import { bootstrapNewCluster, encodeWalMetadata, type NewCluster } from '../../src/server/cluster/bootstrap.ts';
import { parseInitialCluster } from '../../src/server/cluster/peer-urls.ts';
import { parseCommand } from '../../src/server/config/command.ts';
import type { EtcdConfig } from '../../src/server/config/config.ts';
import { Member } from '../../src/server/member/member.ts';
import { type OpenedMember, openMember, walFolder } from '../../src/server/member/open.ts';
import type { OutgoingSnapshot } from '../../src/server/peer/snapshot-sender.ts';
import { PeerTransport } from '../../src/server/peer/transport.ts';
import { openBackend, pageSumsPath } from '../../src/server/storage/backend/open.ts';
import { Wal } from '../../src/server/storage/wal/wal.ts';
import { uncountedLeases } from './lease-counters.ts';
import { unmeasuredMaintenance } from './maintenance-metrics.ts';
import { silentLogger } from './silent-logger.ts';

/** The leader's term; the founding entries are of term 1. */
export const leaderTerm = 2;
const names = ['one', 'two', 'three'];
const initialCluster = names.map((name, i) => `${name}=http://127.0.0.1:${7001 + i}`).join(',');

/** Small pages, segments and caches, so that few entries are enough for all that happens to files. */
const walOptions = {
  segmentBytes: 4096,
  zeroWindowBytes: 2048,
  zeroChunkBytes: 1024,
  readChunkBytes: 2048,
  monotonicMs: () => 0,
};
const path = '/data/member/snap/db';
const databaseOptions = { path, sumsPath: pageSumsPath(path), pageSize: 1024, cacheBytesMax: 16_384 };

export async function simConfig(flags: readonly string[]): Promise<EtcdConfig> {
  const command = await parseCommand({
    program: 'etcd',
    args: ['--name=one', '--data-dir=/data', `--initial-cluster=${initialCluster}`, ...flags],
    environment: {},
    readFile: () => '',
  });
  if (command.type !== 'run') throw new Error(`not a configuration: ${JSON.stringify(command)}`);
  return command.config;
}

/** The cluster of three that the member founds. */
export async function simCluster(): Promise<NewCluster> {
  const parsed = parseInitialCluster(initialCluster);
  if (!parsed.ok) throw new Error(parsed.error);
  const cluster = await bootstrapNewCluster(
    {
      name: 'one',
      initialCluster: parsed.value,
      token: 'etcd-cluster',
      advertisePeerUrls: ['http://127.0.0.1:7001'],
      resolveHost: async () => err('there are no names here'),
    },
    async () => null,
  );
  if (!cluster.ok) throw new Error(cluster.error);
  return cluster.value;
}

/** Writes what a founder writes, durably. */
export async function layOutMember(disk: Disk, config: EtcdConfig, cluster: NewCluster): Promise<void> {
  await disk.makeDirectory('/data/member/snap');
  for (const path of ['/', '/data', '/data/member']) await disk.syncDirectory(path);
  const wal = await Wal.create(disk, walFolder(config), encodeWalMetadata(cluster), walOptions);
  await new Promise((done) => wal.save(cluster.hardState, cluster.entries, true, done));
  await wal.close();
}

/** Timers that are fired by their interval. */
class HandClock implements Clock {
  private readonly timers = new Set<{ readonly everyMs: number; readonly callback: () => void }>();

  now(): number {
    return 0;
  }

  monotonicMs(): number {
    return 0;
  }

  after(): Timer {
    return { cancel: () => undefined };
  }

  every(everyMs: number, callback: () => void): Timer {
    const timer = { everyMs, callback };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  fire(everyMs: number): void {
    for (const timer of this.timers) if (timer.everyMs === everyMs) timer.callback();
  }
}

/** Takes what the member sends, and sends it nowhere. */
class DeafTransport extends PeerTransport {
  onSent: (message: Message) => void = () => undefined;
  private readonly others = new Set<bigint>();

  override addPeer(id: bigint): void {
    this.others.add(id);
  }

  override removePeer(id: bigint): void {
    this.others.delete(id);
  }

  override updatePeer(): void {}

  override peerIds(): bigint[] {
    return [...this.others];
  }

  override activeSince(): number | null {
    return 0;
  }

  override send(messages: readonly Message[]): void {
    for (const message of messages) this.onSent(message);
  }

  override async sendSnapshot(snapshot: OutgoingSnapshot): Promise<void> {
    this.onSent(snapshot.message);
  }
}

export const turn = () => new Promise<void>((done) => setImmediate(done));

/** What a directory holds, or what is said of it. */
export async function openSim(disk: Disk, config: EtcdConfig): Promise<Result<OpenedMember, string>> {
  try {
    return await openMember(config, memberDisk(disk), new HandClock(), silentLogger, walOptions, () => ({}));
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

function memberDisk(disk: Disk) {
  const openDatabase = () => openBackend({ disk, clock: new HandClock(), ...databaseOptions });
  return { disk, openDatabase, turn };
}

export class SimMember {
  readonly member: Member;
  /** The last entry that the leader was told this member has. */
  acknowledged = 0;
  failure: Error | null = null;
  private readonly opened: OpenedMember;
  private readonly leader: bigint;
  private readonly clock = new HandClock();

  private constructor(disk: Disk, config: EtcdConfig, opened: OpenedMember, leader: bigint) {
    this.opened = opened;
    this.leader = leader;
    const counter = { inc: () => undefined };
    this.member = new Member(config, opened, {
      clock: this.clock,
      random: seededRandom(1),
      logger: silentLogger,
      metrics: {
        proposalsFailed: counter,
        slowReadIndexes: counter,
        readIndexesFailed: counter,
        leaderChanges: counter,
        leases: uncountedLeases,
        apply: { applied: () => undefined, slow: counter },
        maintenance: unmeasuredMaintenance,
      },
      schedule: (callback) => setImmediate(callback),
      soon: queueMicrotask,
      connect: () => this.connect(),
      peerVersions: async (members) => members.map(() => null),
      peerHashes: async () => [],
      failed: (error) => {
        this.failure ??= error;
      },
      removed: () => undefined,
      promoteAt: async () => err({ code: 2, message: 'nobody is there' }),
      leasesAtLeader: { renew: async () => ({ type: 'failed' }), timeToLive: async () => ({ type: 'failed' }) },
      disk,
      openDatabase: memberDisk(disk).openDatabase,
    });
  }

  /** Opens the directory and starts the member. */
  static async start(disk: Disk, config: EtcdConfig, leader: bigint): Promise<Result<SimMember, string>> {
    const opened = await openSim(disk, config);
    if (!opened.ok) return opened;
    const sim = new SimMember(disk, config, opened.value, leader);
    try {
      await sim.member.start();
    } catch (error) {
      return err(error instanceof Error ? error.message : String(error));
    }
    return ok(sim);
  }

  private connect(): PeerTransport {
    const { memberId, clusterId } = this.opened;
    const transport = new DeafTransport({
      localId: memberId,
      clusterId,
      serverVersion: '3.6.5',
      minClusterVersion: '3.0.0',
      localPeerUrls: () => [],
      raft: {
        process: () => undefined,
        isIdRemoved: () => false,
        reportUnreachable: () => undefined,
        reportSnapshot: () => undefined,
        removedFromCluster: () => undefined,
      },
      clock: this.clock,
      logger: silentLogger,
      versionJson: () => '',
      membersJson: () => '',
    });
    transport.onSent = ({ type, index, reject }) => {
      if (type === messageType.appResp && !reject) this.acknowledged = Math.max(this.acknowledged, index);
    };
    return transport;
  }

  /** The leader sends the entries of its log that follow `after`, up to `last`; they are committed unless `commit` says less. */
  append(log: readonly Entry[], after: number, last: number, commit = last): void {
    this.step(messageType.app, {
      index: after,
      logTerm: log[after - 1]?.term ?? 0,
      entries: log.slice(after, last),
      commit,
    });
  }

  /** The leader sends its database, then the message. Resolves to whether the database was taken. */
  async sendSnapshot(snapshot: Snapshot, database: Uint8Array): Promise<boolean> {
    const message = newMessage(messageType.snap, this.leader, this.member.memberId, { term: leaderTerm, snapshot });
    async function* chunks() {
      for (let at = 0; at < database.length; at += 4096) yield database.subarray(at, at + 4096);
    }
    try {
      await this.member.receiveSnapshot(message, chunks());
    } catch {
      return false;
    }
    this.member.step(message);
    return true;
  }

  /** Waits until that entry is acknowledged and applied; false if the member failed, or nothing goes on. */
  async reaches(index: number): Promise<boolean> {
    for (let turns = 0; turns < 500; turns++) {
      if (this.failure !== null) return false;
      if (this.acknowledged >= index && this.member.appliedIndex() >= index) return true;
      await turn();
    }
    return false;
  }

  /** Lets what was begun in the background come to an end. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < 12; turns++) await turn();
  }

  /** As if so much time had passed: what happens at that interval happens. */
  fire(intervalMs: number): void {
    this.clock.fire(intervalMs);
  }

  /** The database of this member, with all that is applied. */
  async database(): Promise<Buffer> {
    const snapshot = await this.member.snapshot();
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot.chunks()) chunks.push(Uint8Array.from(chunk));
    snapshot.release();
    return Buffer.concat(chunks);
  }

  async stop(): Promise<void> {
    this.member.stop();
    await this.member.closeState().catch(() => undefined);
    await this.opened.wal.close().catch(() => undefined);
  }

  private step(type: Message['type'], rest: Partial<Message>): void {
    this.member.step(newMessage(type, this.leader, this.member.memberId, { term: leaderTerm, ...rest }));
  }
}
