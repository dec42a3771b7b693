/**
 * The life of the log: what is applied long enough ago leaves memory, every so often a snapshot lets segments of the WAL go, and members
 * that are too far behind get, or send, the whole database (etcd server/etcdserver/server.go: snapshot, compactRaftLog, applySnapshot).
 *
 * What must hold: a .snap file is durable before the WAL notes it, its database holds at least its index, and the WAL says by then
 * that the index is committed.
 */
import { Duration } from '../../base/duration.ts';
import { humanBytes } from '../../base/human-bytes.ts';
import type { Clock, Disk, Timer } from '../../base/ports.ts';
import type { HardState, Message, Snapshot } from '../../proto/raftpb.ts';
import type { MemoryStorage } from '../../raft/storage.ts';
import { formatId } from '../cluster/ids.ts';
import { encodeV2Store } from '../cluster/v2-store.ts';
import type { Logger } from '../log/logger.ts';
import type { OutgoingSnapshot } from '../peer/snapshot-sender.ts';
import type { BackendSnapshot } from '../storage/backend/backend.ts';
import {
  removeSnapshotDatabases,
  saveSnapshotDatabase,
  snapshotDatabasePath,
} from '../storage/snapshot/snapshot-databases.ts';
import { purgeSnapshotFiles, saveSnapshotFile } from '../storage/snapshot/snapshot-files.ts';
import type { Wal } from '../storage/wal/wal.ts';
import type { MaintenanceMetrics } from './member-metrics.ts';
import type { MemberState } from './state.ts';

export interface SnapshotSettings {
  /** --snapshot-count: entries applied between snapshots on disk. */
  readonly snapshotCount: number;
  /** --snapshot-catchup-entries: entries kept in memory for followers that are a little behind. */
  readonly catchupEntries: number;
  /** --max-snapshots and --max-wals; 0 is no limit. */
  readonly maxSnapshots: number;
  readonly maxWals: number;
}

export interface SnapshotPorts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly metrics: MaintenanceMetrics;
  readonly wal: Wal;
  /** Where the .snap files and the database are. */
  readonly directory: string;
  /** The log in memory. */
  readonly storage: MemoryStorage;
  state(): MemberState;
  /** Has the commit index, as far as it is known now, written to the WAL before anything that is saved after this. */
  saveCommit(): void;
  failed(error: Error): void;
}

/** The log in memory is cut in steps of so many entries, and at each snapshot on disk: cutting it moves what is left. */
const compactionStep = 100;
/** How often old files are looked for; etcd's purgeFileInterval. */
const purgeIntervalMs = 30_000;
/** How long a follower that has got a database may take to ask for what follows; etcd's releaseDelayAfterSnapshot. */
const catchupPauseMs = 30_000;

/** A snapshot and its database, to be told of when it was sent or given up. */
export interface DatabaseForFollower extends OutgoingSnapshot {
  sent(): Promise<void>;
}

export class Snapshots {
  private readonly settings: SnapshotSettings;
  private readonly ports: SnapshotPorts;
  private lastIndex: number;
  /** Databases that are on their way to followers, or were until lately. */
  private sending = 0;
  private saving: Promise<void> | null = null;
  private isSavingForced = false;
  private readonly purging: Timer;
  private purgeDone: Promise<void> = Promise.resolve();
  /** Who waits for a snapshot that is to be made whatever the count of entries. */
  private forced: (() => void)[] = [];
  private stopped = false;

  /** `lastIndex` is that of the newest snapshot on disk, or 0. */
  constructor(settings: SnapshotSettings, lastIndex: number, ports: SnapshotPorts) {
    this.settings = settings;
    this.ports = ports;
    this.lastIndex = lastIndex;
    this.purging = ports.clock.every(purgeIntervalMs, () => {
      this.purgeDone = this.purgeDone.then(() => this.purge());
    });
  }

  /** Of the newest snapshot on disk; 0 if there is none. */
  get index(): number {
    return this.lastIndex;
  }

  /** To be called after entries were applied and marked. */
  applied(): void {
    const { index } = this.ports.state().applied;
    const isDue = index - this.lastIndex > this.settings.snapshotCount || this.forced.length > 0;
    const begins = isDue && this.saving === null && !this.stopped;
    this.compactMemory(index, begins ? 1 : compactionStep);
    if (begins) this.begin();
  }

  /** Has a snapshot made when what is applied now is marked, and calls back when it is on disk. */
  force(done: () => void): void {
    this.forced.push(done);
  }

  /** Whether a forced snapshot is not on disk yet. */
  isForced(): boolean {
    return this.forced.length > 0 || this.isSavingForced;
  }

  private compactMemory(applied: number, entriesMin: number): void {
    const { storage } = this.ports;
    const { catchupEntries } = this.settings;
    if (this.sending > 0) return;
    if (applied - storage.firstIndex() < catchupEntries + entriesMin) return;
    const compactTo = applied - catchupEntries;
    // From now on followers below it need a database: what Raft sends them must not be older than the log.
    storage.createSnapshot(applied, this.ports.state().confState, null);
    if (storage.compact(compactTo).ok) this.ports.logger.debug('compacted Raft logs', { 'compact-index': compactTo });
  }

  private begin(): void {
    const waiting = this.forced.splice(0);
    this.isSavingForced = waiting.length > 0;
    this.saving = this.save()
      .catch((error: unknown) => {
        if (!this.stopped) this.ports.failed(error instanceof Error ? error : new Error(String(error)));
      })
      .finally(() => {
        this.saving = null;
        this.isSavingForced = false;
        if (this.stopped) return;
        for (const done of waiting) done();
        if (this.forced.length > 0) this.begin();
      });
  }

  private async save(): Promise<void> {
    const { ports, settings } = this;
    const state = ports.state();
    const { index, term } = state.applied;
    ports.logger.info('triggering snapshot', {
      'local-member-id': formatId(state.membership.localId),
      'local-member-applied-index': index,
      'local-member-snapshot-index': this.lastIndex,
      'local-member-snapshot-count': settings.snapshotCount,
      'snapshot-forced': this.isSavingForced,
    });
    const snapshot = this.snapshotNow();
    await state.backend.commit();
    await this.saveFile(snapshot);
    ports.saveCommit();
    await ports.wal.saveSnapshot({ index, term, confState: snapshot.metadata.confState });
    this.lastIndex = Math.max(this.lastIndex, index);
    ports.logger.info('saved snapshot to disk', { 'snapshot-index': index });
    await this.release(index);
  }

  private async saveFile(snapshot: Snapshot): Promise<void> {
    const { clock, disk, directory, metrics } = this.ports;
    const begunMs = clock.monotonicMs();
    await saveSnapshotFile(disk, directory, snapshot);
    metrics.snapshotSaveSeconds.observe((clock.monotonicMs() - begunMs) / 1000);
  }

  /** The state as of the last entry applied, but for the database. */
  private snapshotNow(): Snapshot {
    const { membership, applied, confState } = this.ports.state();
    const data = encodeV2Store({
      members: membership.members(),
      removed: membership.removed(),
      version: membership.version(),
    });
    return { data, metadata: { confState, index: applied.index, term: applied.term } };
  }

  /** What is older than a durable snapshot may go. */
  private async release(index: number): Promise<void> {
    const { disk, directory, wal, logger } = this.ports;
    wal.releaseTo(index);
    for (const name of await removeSnapshotDatabases(disk, directory, index))
      logger.info('found orphaned .snap.db file; deleting', { path: name });
  }

  private async purge(): Promise<void> {
    const { disk, directory, wal, logger } = this.ports;
    const { maxSnapshots, maxWals } = this.settings;
    if (this.stopped) return;
    try {
      const names = [
        ...(maxWals > 0 ? await wal.purge(maxWals) : []),
        ...(maxSnapshots > 0 ? await purgeSnapshotFiles(disk, directory, maxSnapshots) : []),
      ];
      for (const name of names) logger.info('purged', { path: name });
    } catch (error) {
      logger.warn('failed to purge files', { error: error instanceof Error ? error.message : String(error) });
    }
  }

  /**
   * The database of this member, for a follower that Raft wants to send a snapshot. Until it is told of as `sent`, and for a while after,
   * the log in memory is not cut: what follows the snapshot is what the follower needs next.
   */
  async outgoing(message: Message): Promise<DatabaseForFollower> {
    this.sending++;
    try {
      const state = this.ports.state();
      const snapshot = this.snapshotNow();
      const database = await state.backend.snapshot();
      const chunks = piecesOf(database);
      const { clock, logger } = this.ports;
      const [from, to] = [formatId(state.membership.localId), formatId(message.to)];
      const fields = { from, to, bytes: database.bytes, size: humanBytes(database.bytes) };
      logger.info('sending merged snapshot', fields);
      const begunMs = clock.monotonicMs();
      const sent = async (): Promise<void> => {
        clock.after(catchupPauseMs, () => {
          this.sending--;
          logger.info('sent merged snapshot', { ...fields, took: Duration.fromMs(clock.monotonicMs() - begunMs) });
        });
        // A read may be under way: the file is needed until it is done.
        await chunks.return(undefined);
        database.release();
      };
      return { message: { ...message, snapshot }, bytes: database.bytes, database: chunks, sent };
    } catch (error) {
      this.sending--;
      throw error;
    }
  }

  /** Stores a database that the leader sends, until Raft takes its snapshot. */
  async receive(message: Message, database: AsyncIterable<Uint8Array>): Promise<void> {
    const from = formatId(message.from);
    const ended = this.ports.metrics.receivingSnapshot(from);
    try {
      await this.saveDatabase(from, message.snapshot?.metadata.index ?? 0, database);
      ended(true);
    } catch (error) {
      ended(false);
      throw error;
    }
  }

  private async saveDatabase(from: string, index: number, database: AsyncIterable<Uint8Array>): Promise<void> {
    const { clock, disk, directory, logger, metrics } = this.ports;
    const begunMs = clock.monotonicMs();
    const bytes = await saveSnapshotDatabase(disk, directory, index, database);
    const tookMs = clock.monotonicMs() - begunMs;
    metrics.databaseSaveSeconds.observe(tookMs / 1000);
    const size = humanBytes(bytes);
    logger.info('saved database snapshot to disk', { path: snapshotDatabasePath(directory, index), bytes, size });
    logger.info('received and saved database snapshot', {
      'local-member-id': formatId(this.ports.state().membership.localId),
      'remote-snapshot-sender-id': from,
      'incoming-snapshot-index': index,
      'incoming-snapshot-size-bytes': bytes,
      'incoming-snapshot-size': size,
      'download-took': Duration.fromMs(tookMs),
    });
  }

  /**
   * Makes a snapshot that Raft has taken durable, with the hard state that goes with it: after a crash from here on, the next start
   * takes its database.
   */
  async store(snapshot: Snapshot, hardState: HardState | null): Promise<void> {
    const { wal } = this.ports;
    await this.saving;
    const { index, term, confState } = snapshot.metadata;
    await this.saveFile(snapshot);
    await wal.saveSnapshot({ index, term, confState });
    await new Promise<void>((done, fail) =>
      wal.save(hardState, [], true, (error) => (error === null ? done() : fail(error))),
    );
    this.lastIndex = index;
  }

  /** The stored snapshot's database is in place. */
  installed(): Promise<void> {
    return this.release(this.lastIndex);
  }

  /** No file is touched any more when it resolves. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.purging.cancel();
    await this.saving;
    await this.purgeDone;
  }
}

async function* piecesOf(database: BackendSnapshot): AsyncGenerator<Uint8Array, void, undefined> {
  yield* database.chunks();
}
