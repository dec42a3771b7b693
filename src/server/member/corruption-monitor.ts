/**
 * Looks whether all members hold the same data, by their hashes: at start, every so often on the leader, and after compactions (etcd
 * server/etcdserver/corrupt.go). What it finds becomes the alarm CORRUPT, which stops writes to the cluster.
 */
import { Duration } from '../../base/duration.ts';
import type { Clock, Timer } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { formatId } from '../cluster/ids.ts';
import type { RpcError } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { Fields } from '../log/record.ts';
import type { KvHash as StoredHash } from '../mvcc/store-types.ts';
import type { KvHash, MemberApi } from './api.ts';
import {
  type CompactHashVerdict,
  compareCompactHashes,
  type PeerHash,
  type PeerHashError,
  type Suspicion,
  suspicions,
} from './corruption.ts';

export interface CorruptionSettings {
  /** --corrupt-check-time: between two checks of a leader; 0 is never. */
  readonly periodMs: number;
  /** --compact-hash-check-time: between two looks at what compactions have left; 0 is never. */
  readonly compactHashPeriodMs: number;
  /** How long a peer may take to answer. */
  readonly timeoutMs: number;
}

export interface CorruptionPorts extends Pick<MemberApi, 'hashKv' | 'linearizableRead'> {
  readonly clock: Clock;
  readonly logger: Logger;
  isLeader(): boolean;
  /** Asks all other members. */
  peerHashes(revision: number): Promise<readonly PeerHash[]>;
  /** What the last compactions have left, ascending. */
  compactionHashes(): readonly StoredHash[];
  /** Raises the alarm CORRUPT for a member; 0n: for nobody knows whom. */
  raiseAlarm(id: bigint): void;
}

export class CorruptionMonitor {
  private readonly localId: bigint;
  private readonly settings: CorruptionSettings;
  private readonly ports: CorruptionPorts;
  private timers: Timer[] = [];
  private checking = false;
  /** The newest revision whose compaction's hash all members have confirmed. */
  private lastConfirmed = 0;
  private stopped = false;

  constructor(localId: bigint, settings: CorruptionSettings, ports: CorruptionPorts) {
    this.localId = localId;
    this.settings = settings;
    this.ports = ports;
  }

  start(): void {
    const { clock, logger } = this.ports;
    const { periodMs, compactHashPeriodMs } = this.settings;
    if (periodMs > 0) {
      logger.info('enabled corruption checking', { ...this.local, interval: Duration.fromMs(periodMs) });
      this.timers.push(clock.every(periodMs, () => void this.alone(() => this.checkPeriodically())));
    }
    if (compactHashPeriodMs > 0)
      this.timers.push(clock.every(compactHashPeriodMs, () => void this.alone(() => this.checkCompactions())));
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.splice(0)) timer.cancel();
  }

  /** One check at a time, and only by a leader. */
  private async alone(check: () => Promise<void>): Promise<void> {
    if (this.checking || this.stopped || !this.ports.isLeader()) return;
    this.checking = true;
    try {
      await check();
    } finally {
      this.checking = false;
    }
  }

  /** Compares a member that starts again with its peers, before it takes part. The error is etcd's text. */
  async checkInitially(): Promise<Result<void, string>> {
    const { logger, peerHashes } = this.ports;
    const timeout = Duration.fromMs(this.settings.timeoutMs);
    logger.info('starting initial corruption check', { ...this.local, timeout });
    const own = await this.hash();
    if (!own.ok) return err(`${formatId(this.localId)} failed to fetch hash (${own.error.message})`);
    let mismatches = 0;
    for (const peer of await peerHashes(own.value.hashRevision)) {
      const { answer } = peer;
      if (!answer.ok) this.reportSilence(own.value, peer, answer.error);
      else if (answer.value.hash !== own.value.hash) {
        const isSame = answer.value.compactRevision === own.value.compactRevision;
        if (isSame) mismatches++;
        const what = isSame ? 'hash' : 'compact revision';
        logger.warn(`found different ${what} values from remote peer`, {
          ...this.initialFields(own.value, peer),
          'remote-peer-revision': answer.value.currentRevision,
          'remote-peer-compact-revision': answer.value.compactRevision,
          'remote-peer-hash': answer.value.hash,
        });
      }
    }
    if (mismatches > 0) return err(`${formatId(this.localId)} found data inconsistency with peers`);
    logger.info('initial corruption checking passed; no corruption', this.local);
    return ok(undefined);
  }

  private reportSilence(own: KvHash, peer: PeerHash, error: PeerHashError): void {
    const message = silences[error];
    if (message !== null) this.ports.logger.warn(message, this.initialFields(own, peer));
  }

  private initialFields(own: KvHash, { id, endpoints }: PeerHash): Fields {
    return {
      ...this.local,
      'local-member-revision': own.hashRevision,
      'local-member-compact-revision': own.compactRevision,
      'local-member-hash': own.hash,
      'remote-peer-id': formatId(id),
      'remote-peer-endpoints': endpoints,
    };
  }

  private async checkPeriodically(): Promise<void> {
    const { logger, peerHashes, raiseAlarm } = this.ports;
    const before = await this.hash();
    if (!before.ok) return this.failed(before.error);
    const answers = await peerHashes(before.value.hashRevision);
    const error = await new Promise<RpcError | null>((done) => this.ports.linearizableRead(done));
    if (error !== null) return this.failed(error);
    const after = await this.hash();
    if (!after.ok) return this.failed(after.error);
    if (this.stopped) return;
    const peers = answers.flatMap(({ id, answer }) => (answer.ok ? [{ id, hash: answer.value }] : []));
    const found = suspicions(this.localId, before.value, after.value, peers);
    for (const suspicion of found) this.report(suspicion, before.value, after.value, peers);
    // As in etcd, one at a time: the next check finds the others.
    if (found[0] !== undefined) raiseAlarm(found[0].id);
    logger.info('finished peer corruption check', { 'number-of-peers-checked': peers.length });
  }

  private failed(error: RpcError): void {
    if (!this.stopped) this.ports.logger.warn('failed to check hash KV', { error: error.message });
  }

  private report(
    { id, type }: Suspicion,
    before: KvHash,
    after: KvHash,
    peers: readonly { readonly id: bigint; readonly hash: KvHash }[],
  ): void {
    const { logger } = this.ports;
    const peer = peers.find((one) => one.id === id)?.hash;
    const follower = { 'follower-peer-id': formatId(id) };
    switch (type) {
      case 'ownHashChanged':
        logger.warn('found hash mismatch', {
          'revision-1': before.hashRevision,
          'compact-revision-1': before.compactRevision,
          'hash-1': before.hash,
          'revision-2': after.hashRevision,
          'compact-revision-2': after.compactRevision,
          'hash-2': after.hash,
        });
        return;
      case 'revisionAhead':
        logger.warn("revision from follower must be less than or equal to leader's", {
          'leader-revision': after.currentRevision,
          'follower-revision': peer?.currentRevision ?? 0,
          ...follower,
        });
        return;
      case 'compactRevisionAhead':
        logger.warn("compact revision from follower must be less than or equal to leader's", {
          'leader-compact-revision': after.compactRevision,
          'follower-compact-revision': peer?.compactRevision ?? 0,
          ...follower,
        });
        return;
      case 'hashDiffers':
        logger.warn('same compact revision then hashes must match', {
          'leader-compact-revision': after.compactRevision,
          'leader-hash': before.hash,
          'follower-compact-revision': peer?.compactRevision ?? 0,
          'follower-hash': peer?.hash ?? 0,
          ...follower,
        });
    }
  }

  /** From the newest compaction back to the last one that all members have confirmed, until one can be judged. */
  private async checkCompactions(): Promise<void> {
    const { logger, peerHashes, compactionHashes } = this.ports;
    const timeout = Duration.fromMs(this.settings.timeoutMs);
    logger.info('starting compact hash check', { ...this.local, timeout });
    const unconfirmed = compactionHashes().filter(({ hashRevision }) => hashRevision > this.lastConfirmed);
    let checked = 0;
    for (const hash of unconfirmed.toReversed()) {
      const peers = await peerHashes(hash.hashRevision);
      if (this.stopped) return;
      checked++;
      if (peers.length > 0 && this.judge(hash, peers)) break;
    }
    logger.info('finished compaction hash check', { 'number-of-hashes-checked': checked });
  }

  /** False if older compactions must be looked at. */
  private judge(hash: StoredHash, peers: readonly PeerHash[]): boolean {
    const { logger, raiseAlarm } = this.ports;
    this.reportSkipped(hash, peers);
    const verdict = compareCompactHashes(this.localId, hash, peers);
    const revisions = { revision: hash.hashRevision, compactRevision: hash.compactRevision };
    switch (verdict.type) {
      case 'equal':
        logger.info('successfully checked hash on whole cluster', {
          'number-of-peers-checked': peers.length,
          ...revisions,
        });
        this.lastConfirmed = Math.max(this.lastConfirmed, hash.hashRevision);
        return true;
      case 'incomplete':
        logger.warn('skipped revision in compaction hash check; was not able to check all peers', {
          'number-of-peers-checked': verdict.checked,
          'number-of-peers': peers.length,
          ...revisions,
        });
        return false;
      case 'undecidable':
        logger.error(
          'Detected compaction hash mismatch but cannot identify the corrupted members, so intentionally set the memberID as 0',
          this.leaderFields(hash),
        );
        raiseAlarm(0n);
        break;
      case 'differ':
        for (const { ids } of verdict.groups) for (const id of ids) raiseAlarm(id);
        break;
    }
    this.reportGroups(hash, verdict);
    return true;
  }

  private reportSkipped(hash: StoredHash, peers: readonly PeerHash[]): void {
    for (const { id, answer } of peers) {
      if (answer.ok && answer.value.compactRevision === hash.compactRevision) continue;
      this.ports.logger.warn("Skipped peer's hash", {
        'number-of-peers': peers.length,
        'leader-id': formatId(this.localId),
        'peer-id': formatId(id),
        reason: answer.ok
          ? `the peer's CompactRevision ${answer.value.compactRevision} doesn't match leader's CompactRevision ${hash.compactRevision}`
          : 'no response',
      });
    }
  }

  private reportGroups(hash: StoredHash, verdict: Extract<CompactHashVerdict, { readonly groups: unknown }>): void {
    for (const { hash: peerHash, ids } of verdict.groups) {
      this.ports.logger.error('Detected compaction hash mismatch', {
        ...this.leaderFields(hash),
        'peer-hash': peerHash,
        'peer-ids': ids.map(formatId).join(','),
        'quorum-exist': verdict.type === 'differ',
      });
    }
  }

  private leaderFields(hash: StoredHash): Fields {
    return {
      'leader-id': formatId(this.localId),
      'leader-revision': hash.hashRevision,
      'leader-compact-revision': hash.compactRevision,
      'leader-hash': hash.hash,
    };
  }

  private get local(): { readonly 'local-member-id': string } {
    return { 'local-member-id': formatId(this.localId) };
  }

  private hash(): Promise<Result<KvHash, RpcError>> {
    return new Promise((done) => this.ports.hashKv(0, done));
  }
}

/** Etcd's words for a peer that has no hash for a member that starts; it says nothing of those that do not answer. */
const silences: Readonly<Record<PeerHashError, string | null>> = {
  future: 'cannot fetch hash from slow remote peer',
  compacted: 'cannot fetch hash from remote peer; local member is behind',
  clusterIdMismatch: 'cluster ID mismatch',
  failed: null,
};
