/**
 * How a leader gives leadership away (Raft thesis §3.10; etcd server/etcdserver/server.go, MoveLeader and TryTransferLeadershipOnShutdown):
 * to the voter that a client names, or before this member stops.
 */
import { Duration } from '../../base/duration.ts';
import type { Clock } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { formatId } from '../cluster/ids.ts';
import type { Membership } from '../cluster/membership.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { Connections } from './connections.ts';
import type { RaftDriver } from './driver.ts';

export interface LeadershipTransferPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly driver: RaftDriver;
  readonly membership: Membership;
  readonly connections: Connections;
  /** Tells the listener of each leader that is elected, this member among them; gives how to stop that. */
  onLeader(listener: (leader: bigint) => void): () => void;
}

export class LeadershipTransfer {
  private readonly localId: bigint;
  private readonly timeoutMs: number;
  private readonly ports: LeadershipTransferPorts;

  /** `timeoutMs`, an election time-out, is how long a transfer may take: Raft gives it up then. */
  constructor(localId: bigint, timeoutMs: number, ports: LeadershipTransferPorts) {
    this.localId = localId;
    this.timeoutMs = timeoutMs;
    this.ports = ports;
  }

  /** Hands leadership, if this member has it, to the voter that has been connected the longest. Resolves at the latest after a time-out. */
  async beforeStop(): Promise<void> {
    const { driver, logger, connections } = this.ports;
    const leader = {
      'local-member-id': formatId(this.localId),
      'current-leader-member-id': formatId(driver.leaderId),
    };
    if (driver.leaderId !== this.localId) {
      logger.info('skipped leadership transfer; local server is not leader', leader);
      return;
    }
    const transferee = connections.longestConnectedVoter();
    if (transferee === null) {
      logger.info('skipped leadership transfer for single voting member cluster', leader);
      return;
    }
    await this.transfer(transferee);
  }

  /** Hands leadership to that member, and resolves when it, or another, leads. */
  async moveLeader(to: bigint): Promise<Result<void, RpcError>> {
    const { driver, membership } = this.ports;
    if (driver.leaderId !== this.localId) return err(rpcErrors.notLeader);
    if (!membership.votingMembers().some(({ id }) => id === to)) return err(rpcErrors.badLeaderTransferee);
    if (to === this.localId) return ok(undefined);
    return (await this.transfer(to)) ? ok(undefined) : err(rpcErrors.timeoutLeaderTransfer);
  }

  /** Only for a leader. Resolves to whether another leads, at the latest after a time-out. */
  private async transfer(transferee: bigint): Promise<boolean> {
    const { clock, driver, logger } = this.ports;
    const fields = {
      'local-member-id': formatId(this.localId),
      'current-leader-member-id': formatId(driver.leaderId),
      'transferee-member-id': formatId(transferee),
    };
    logger.info('leadership transfer starting', fields);
    const startedMs = clock.monotonicMs();
    const moving = this.otherLeader();
    driver.update((node) => node.transferLeader(transferee));
    const moved = await moving;
    if (moved) {
      logger.info('leadership transfer finished', {
        ...fields,
        took: Duration.fromMs(clock.monotonicMs() - startedMs),
      });
    } else {
      const error = 'request timed out, leader transfer took too long';
      logger.warn('leadership transfer failed', { ...fields, error });
    }
    return moved;
  }

  /** Resolves to true when another member leads, to false after a time-out. */
  private otherLeader(): Promise<boolean> {
    return new Promise((done) => {
      const finish = (result: boolean): void => {
        timer.cancel();
        stopListening();
        done(result);
      };
      const stopListening = this.ports.onLeader((leader) => {
        if (leader !== this.localId) finish(true);
      });
      const timer = this.ports.clock.after(this.timeoutMs, () => finish(false));
    });
  }
}
