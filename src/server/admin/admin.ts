/**
 * What a supervisor may do to this member beyond etcd's own interfaces, if CLUSTERCTL_ADMIN_SOCKET names a socket: see what it sees at
 * once, hand leadership over, and put faults on its links and its disk. Without the variable nothing of this is even loaded.
 */
import { readFileSync } from 'node:fs';
import { type AdminAnswer, type AdminRequest, type AdminStatus, adminOrdersSuffix } from '../../base/admin-protocol.ts';
import { unreachable } from '../../base/assert.ts';
import type { Clock, Disk, Random } from '../../base/ports.ts';
import { ok, type Result } from '../../base/result.ts';
import { formatId, parseId } from '../cluster/ids.ts';
import type { Logger } from '../log/logger.ts';
import type { Member } from '../member/member.ts';
import type { PeerTransport } from '../peer/transport.ts';
import { SyncFaults } from '../storage/sync-faults.ts';
import type { WalOptions } from '../storage/wal/options.ts';
import { AdminServer } from './admin-server.ts';
import { LinkFaults, parsePeers, probeMessage } from './link-faults.ts';
import { parseAdminOrders } from './request.ts';
import { SyncLatency } from './sync-latency.ts';

export interface AdminOptions {
  /** Of the socket. */
  readonly path: string;
  /** Of the member. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The member, as soon as there is one. */
interface Subject {
  readonly member: Member;
  readonly transport: PeerTransport;
}

export class Admin {
  /** For the transport. */
  readonly linkFaults: LinkFaults;
  /** For all that syncs. */
  readonly syncFaults = new SyncFaults();
  private readonly options: AdminOptions;
  private readonly latency: SyncLatency;
  private server: AdminServer | null = null;
  private subject: Subject | null = null;

  private constructor(options: AdminOptions) {
    this.options = options;
    this.linkFaults = new LinkFaults(options.random);
    this.latency = new SyncLatency(options.clock);
  }

  /**
   * Listens, then carries out the orders that lie beside the socket: in this order, so that none that come meanwhile are missed. A member
   * runs on if it cannot listen, and logs why.
   */
  static async open(options: AdminOptions): Promise<Admin> {
    const admin = new Admin(options);
    const { path, logger } = options;
    try {
      admin.server = await AdminServer.listen(path, {
        answer: (request) => admin.answer(request),
        status: () => admin.status(),
      });
    } catch (error) {
      logger.warn('cannot listen on the admin socket', { path, error: String(error) });
      return admin;
    }
    admin.obeyOrders();
    return admin;
  }

  private obeyOrders(): void {
    const { path, logger } = this.options;
    let text: string;
    try {
      text = readFileSync(path + adminOrdersSuffix, 'utf8');
    } catch {
      return; // the ordinary case: nobody has ordered anything
    }
    const orders = parseAdminOrders(text);
    const links = orders.ok ? this.linkFaults.setRules(orders.value.links) : orders;
    const disk = orders.ok ? this.setDisk(orders.value.disk) : orders;
    for (const done of [links, disk]) if (!done.ok) logger.warn('ignored admin orders', { path, error: done.error });
  }

  /** The same disk, with the faults ordered for it. */
  disk(disk: Disk): Disk {
    return this.syncFaults.wrap(disk);
  }

  /** The same hooks; the admin socket looks on. */
  walHooks(hooks: WalOptions): WalOptions {
    return {
      ...hooks,
      onSync: (durationMs) => {
        this.latency.add(durationMs);
        hooks.onSync?.(durationMs);
      },
    };
  }

  /** From now on there is something to tell of. */
  attach(member: Member, transport: PeerTransport): void {
    this.subject = { member, transport };
    this.raftChanged();
  }

  /** The leader, the term or the role is another: those who watch learn it now. */
  readonly raftChanged = (): void => this.server?.changed();

  async close(): Promise<void> {
    await this.server?.close();
  }

  private async answer(request: AdminRequest): Promise<AdminAnswer> {
    const { id } = request;
    if (request.op === 'status') {
      const status = this.status();
      return status === null ? { id, ...notStarted } : { id, ok: true, status };
    }
    const done = await this.obey(request);
    return done.ok ? { id, ok: true } : { id, ok: false, error: done.error };
  }

  private async obey(request: Exclude<AdminRequest, { op: 'status' }>): Promise<Result<void, string>> {
    switch (request.op) {
      case 'set-links':
        return this.linkFaults.setRules(request.rules);
      case 'set-disk':
        return this.setDisk(request.rule);
      case 'move-leader':
        return this.moveLeader(request.to);
      case 'probe':
        return this.probe(request.peers);
      default:
        return unreachable(request);
    }
  }

  private setDisk(
    rule: { readonly syncDelayMs: number; readonly syncError: string | null } | null,
  ): Result<void, string> {
    return this.syncFaults.set(rule === null ? null : { delayMs: rule.syncDelayMs, error: rule.syncError });
  }

  private async moveLeader(to: string): Promise<Result<void, string>> {
    const peer = parseId(to);
    if (peer === null) return { ok: false, error: `${to} is no id of a member` };
    if (this.subject === null) return notStarted;
    const moved = await this.subject.member.moveLeader(peer);
    return moved.ok ? moved : { ok: false, error: `cannot hand leadership to ${to}: ${moved.error.message}` };
  }

  private probe(texts: readonly string[]): Result<void, string> {
    const peers = parsePeers(texts);
    if (!peers.ok) return peers;
    if (this.subject === null) return notStarted;
    const { member, transport } = this.subject;
    transport.send(peers.value.map((peer) => probeMessage(member.memberId, peer)));
    return ok(undefined);
  }

  private status(): AdminStatus | null {
    if (this.subject === null) return null;
    const { clock, name } = this.options;
    const { member, transport } = this.subject;
    const { role, term, leader, lastIndex, committed } = member.raftView();
    const size = member.databaseSize();
    return {
      name,
      atMs: clock.now(),
      memberId: formatId(member.memberId),
      clusterId: formatId(member.clusterId),
      role,
      isLearner: member.isLearner(),
      term,
      leader: formatId(leader),
      lastIndex,
      committed,
      applied: member.appliedIndex(),
      revision: member.store.revision,
      dbBytes: size.total,
      dbInUseBytes: size.inUse,
      syncP99Ms: this.latency.p99Ms(),
      syncsHit: this.syncFaults.hits,
      links: transport.peerIds().map((peer) => ({
        peer: formatId(peer),
        active: transport.activeSince(peer) !== null,
        rttMs: transport.roundTripMs(peer),
        ...this.linkFaults.counters(peer),
        ...transport.held(peer),
      })),
    };
  }
}

const notStarted = { ok: false, error: 'the member is starting: try again' } as const;
