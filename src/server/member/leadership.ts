/**
 * Whether a member that believes to lead may act on it without asking. A process that stood still for a while finds its timers due before
 * it hears of its successor: what it would do then, the successor would carry out (etcd-io/etcd#15247). So leadership counts while
 * Raft's clock ticks regularly; after a gap a quorum must confirm it first.
 */
import type { Clock } from '../../base/ports.ts';
import { formatId } from '../cluster/ids.ts';
import type { RpcError } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';

/** A gap of more than so many ticks is one (etcd's isActive). */
const ticksMax = 3;

export interface LeadershipPorts {
  readonly logger: Logger;
  readonly memberId: bigint;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  leaderId(): bigint;
  linearizableRead(done: (error: RpcError | null) => void): void;
}

export class Leadership {
  private readonly ports: LeadershipPorts;
  private readonly gapMs: number;
  private tickedMs: number;
  private isDoubted = false;

  constructor(heartbeatIntervalMs: number, ports: LeadershipPorts) {
    this.ports = ports;
    this.gapMs = ticksMax * heartbeatIntervalMs;
    this.tickedMs = ports.clock.monotonicMs();
  }

  /** Raft's clock ticked. */
  ticked(): void {
    const nowMs = this.ports.clock.monotonicMs();
    if (nowMs - this.tickedMs > this.gapMs) this.isDoubted = true;
    this.tickedMs = nowMs;
  }

  /** Calls back once, at once if there is no doubt. */
  confirm(done: (leads: boolean) => void): void {
    const { ports } = this;
    const { memberId } = ports;
    if (ports.leaderId() !== memberId) {
      done(false);
      return;
    }
    if (!this.isDoubted && ports.clock.monotonicMs() - this.tickedMs <= this.gapMs) {
      done(true);
      return;
    }
    ports.linearizableRead((error) => {
      const leader = ports.leaderId();
      if (error !== null) ports.logger.warn("Failed to check current member's leadership", { error: error.message });
      else if (leader !== memberId)
        ports.logger.warn("Current member isn't a leader", {
          'local-member-id': formatId(memberId),
          'new-lead': formatId(leader),
        });
      else this.isDoubted = false;
      done(error === null && leader === memberId);
    });
  }
}
