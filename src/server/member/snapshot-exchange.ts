/**
 * Databases on their way between members: the leader's to a follower that its log no longer reaches, and, on that follower, in the place of
 * its own (etcd server/etcdserver/server.go, applySnapshot).
 */
import { dirname } from 'node:path';
import type { Disk } from '../../base/ports.ts';
import type { Result } from '../../base/result.ts';
import { type HardState, type Message, messageType, type Snapshot } from '../../proto/raftpb.ts';
import { formatId } from '../cluster/ids.ts';
import type { EtcdConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { adoptSnapshotDatabase } from '../storage/snapshot/snapshot-databases.ts';
import type { Connections } from './connections.ts';
import type { MaintenanceMetrics } from './member-metrics.ts';
import { databasePath } from './open.ts';
import type { Snapshots } from './snapshots.ts';
import { MemberState } from './state.ts';

export interface SnapshotExchangePorts {
  readonly config: EtcdConfig;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly metrics: MaintenanceMetrics;
  readonly snapshots: Snapshots;
  readonly connections: Connections;
  /** Runs the callback once, after the I/O of this turn of the event loop. */
  schedule(callback: () => void): void;
  openDatabase(path: string): Promise<Result<Backend, string>>;
  state(): MemberState;
  /** From now on everything reads and writes the new state. */
  replaceState(state: MemberState): void;
  isStopped(): boolean;
  /** The new state is in place, and with it everything through that index. */
  installed(index: number): void;
  reportSnapshot(id: bigint, success: boolean): void;
}

export class SnapshotExchange {
  private readonly ports: SnapshotExchangePorts;
  private installing: Promise<void> = Promise.resolve();
  /** Whom the last database that was sent to them has reached. */
  private readonly arrived = new Set<bigint>();

  constructor(ports: SnapshotExchangePorts) {
    this.ports = ports;
  }

  /** Hands messages to the transport; those that bring a snapshot go with the database, as it is then. */
  send(messages: readonly Message[]): void {
    const { transport } = this.ports.connections;
    if (transport === null) return;
    if (!messages.some(isSnapshot)) {
      transport.send(messages);
      return;
    }
    transport.send(messages.filter((message) => !isSnapshot(message)));
    for (const message of messages) if (isSnapshot(message)) void this.sendDatabase(message);
  }

  private async sendDatabase(message: Message): Promise<void> {
    const { connections, snapshots, logger, metrics } = this.ports;
    const ended = metrics.sendingSnapshot(formatId(message.to));
    this.arrived.delete(message.to);
    try {
      const outgoing = await snapshots.outgoing(message);
      await connections.transport?.sendSnapshot(outgoing).finally(() => outgoing.sent());
      ended(this.arrived.has(message.to));
    } catch (error) {
      const to = formatId(message.to);
      ended(false);
      logger.warn('failed to make a snapshot for a follower', { 'remote-peer-id': to, error: String(error) });
      this.ports.reportSnapshot(message.to, false);
    }
  }

  /** The transport tells of a snapshot that it was given. */
  reported(id: bigint, success: boolean): void {
    if (success) this.arrived.add(id);
    this.ports.reportSnapshot(id, success);
  }

  /** Puts a snapshot that the leader sent in place; rejects if the disk fails. */
  install(snapshot: Snapshot, hardState: HardState | null): Promise<void> {
    this.installing = this.putInPlace(snapshot, hardState);
    return this.installing;
  }

  /** Reads are answered from the old state until the new one is whole. */
  private async putInPlace(snapshot: Snapshot, hardState: HardState | null): Promise<void> {
    const { config, disk, logger, snapshots, connections } = this.ports;
    const { index, term } = snapshot.metadata;
    const old = this.ports.state();
    const fields = (state: MemberState) => ({
      'current-snapshot-index': snapshots.index,
      'current-applied-index': state.applied.index,
      'incoming-leader-snapshot-index': index,
      'incoming-leader-snapshot-term': term,
    });
    logger.info('applying snapshot', fields(old));
    await snapshots.store(snapshot, hardState);
    logger.info('applied incoming Raft snapshot', { 'snapshot-index': index });
    const path = databasePath(config);
    await old.backend.leaveFile();
    await adoptSnapshotDatabase(disk, dirname(path), index, path);
    const backend = await this.ports.openDatabase(path);
    if (!backend.ok) throw new Error(`cannot open the database of the snapshot at index ${index}: ${backend.error}`);
    const { clusterId, localId } = old.membership;
    const state = new MemberState(backend.value, clusterId, localId, config, old.membership);
    logger.info('applySnapshot: opened snapshot backend');
    await state.restore(backend.value, () => new Promise((done) => this.ports.schedule(done)));
    logger.info('kvstore restored', { 'current-rev': state.store.revision });
    logger.info('restored mvcc store', { 'consistent-index': state.applied.index });
    // Nobody may read the old database once it is being closed.
    old.onCommitted = () => {};
    this.ports.replaceState(state);
    await old.backend.close();
    if (this.ports.isStopped()) return;
    connections.follow();
    await snapshots.installed();
    this.ports.installed(index);
    logger.info('applied snapshot', fields(state));
  }

  /** Resolves when nothing is being put in place any more. */
  settled(): Promise<void> {
    return this.installing.catch(() => undefined);
  }
}

function isSnapshot(message: Message): boolean {
  return message.type === messageType.snap;
}
