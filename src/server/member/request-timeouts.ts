/**
 * How long a request may take, and what its client is told when that was not enough: etcd tells from the leader's history and the
 * connections why a proposal was probably lost (server/etcdserver/server.go, parseProposeCtxErr).
 */
import type { Clock } from '../../base/ports.ts';
import { type RpcError, rpcErrors } from '../grpc/status.ts';
import type { Connections } from './connections.ts';

/** A request may take this long plus two election time-outs (etcd's ReqTimeout: the disk's and the network's share). */
const requestTimeoutBaseMs = 5_000;

export interface RequestTimeoutPorts {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly connections: Connections;
  /** 0n while no leader is known. */
  leaderId(): bigint;
}

export class RequestTimeouts {
  /** What a request may take, in milliseconds. */
  readonly requestMs: number;
  private readonly localId: bigint;
  private readonly electionTimeoutMs: number;
  private readonly ports: RequestTimeoutPorts;
  /** When this member last became the leader. */
  private electedMs: number | null = null;

  constructor(localId: bigint, electionTimeoutMs: number, ports: RequestTimeoutPorts) {
    this.requestMs = requestTimeoutBaseMs + 2 * electionTimeoutMs;
    this.localId = localId;
    this.electionTimeoutMs = electionTimeoutMs;
    this.ports = ports;
  }

  /** This member became the leader. */
  elected(): void {
    this.electedMs = this.ports.clock.monotonicMs();
  }

  /** For a request that Raft took at that moment, milliseconds of the monotonic clock. */
  error(startedMs: number): RpcError {
    const { electedMs, localId } = this;
    if (electedMs !== null && startedMs > electedMs - 2 * this.electionTimeoutMs && startedMs < electedMs) {
      return rpcErrors.timeoutDueToLeaderFail;
    }
    const { connections } = this.ports;
    const leader = this.ports.leaderId();
    if (leader === 0n) return rpcErrors.timeout;
    const connected =
      leader === localId ? connections.quorumConnectedSince(startedMs) : connections.connectedSince(leader, startedMs);
    return connected ? rpcErrors.timeout : rpcErrors.timeoutDueToConnectionLost;
  }
}
