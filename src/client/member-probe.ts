/** Looks at etcds from outside, whatever they are: Maintenance.Status, and their HTTP pages. */
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import type { MemberStatus } from '../base/member-status.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { statusResponse } from '../proto/etcdserverpb-maintenance.ts';
import { httpGet } from './http-get.ts';
import { UnaryConnection } from './unary-call.ts';

const noBytes = new Uint8Array(0);
/** A RangeRequest for the key `health`: what `etcdctl endpoint health` asks. It is linearizable, so it takes a leader and a quorum. */
const healthRequest = Buffer.from('\n\x06health', 'latin1');

export class MemberProbe {
  readonly #connections = new Map<string, UnaryConnection>();

  /** The error says why there is no status. */
  async status(endpoint: MemberEndpoint, timeoutMs: number): Promise<Result<MemberStatus, string>> {
    const answer = await this.#connection(endpoint).call('/etcdserverpb.Maintenance/Status', noBytes, timeoutMs);
    return answer.ok ? parseStatus(answer.value) : answer;
  }

  /** How long a read through the leader takes, in milliseconds; else why there is none. /health of 3.4 would write to the log each time. */
  async health(endpoint: MemberEndpoint, timeoutMs: number): Promise<Result<number, string>> {
    const startMs = performance.now();
    const answer = await this.#connection(endpoint).call('/etcdserverpb.KV/Range', healthRequest, timeoutMs);
    const tookMs = performance.now() - startMs;
    // One that may not read the key has come as far as the read.
    if (answer.ok || /permission denied/.test(answer.error)) return ok(tookMs);
    return /user name is empty/.test(answer.error) ? this.#askedHealth(endpoint, timeoutMs) : answer;
  }

  /** The same where only users may read: the etcd reads by itself. */
  async #askedHealth(endpoint: MemberEndpoint, timeoutMs: number): Promise<Result<number, string>> {
    const startMs = performance.now();
    const answer = await this.page(endpoint, '/health', timeoutMs);
    return answer.ok ? ok(performance.now() - startMs) : answer;
  }

  /** The page at `path`, if the etcd gives it with status 200; else why not. */
  async page(endpoint: MemberEndpoint, path: string, timeoutMs: number): Promise<Result<string, string>> {
    const answer = await httpGet(endpoint, path, timeoutMs);
    if (!answer.ok) return answer;
    return answer.value.status === 200 ? ok(answer.value.body) : err(`${path} answers ${answer.value.status}`);
  }

  #connection(endpoint: MemberEndpoint): UnaryConnection {
    const key = JSON.stringify(endpoint);
    const connection = this.#connections.get(key) ?? new UnaryConnection(endpoint);
    this.#connections.set(key, connection);
    return connection;
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }
}

function parseStatus(bytes: Buffer): Result<MemberStatus, string> {
  try {
    const { header, version, leader, isLearner, raftTerm, raftIndex, raftAppliedIndex, dbSize, dbSizeInUse } =
      statusResponse.decode(bytes);
    return ok({
      memberId: (header?.memberId ?? 0n).toString(16),
      clusterId: (header?.clusterId ?? 0n).toString(16),
      version,
      term: raftTerm,
      leader: leader.toString(16),
      isLearner,
      raftIndex,
      appliedIndex: raftAppliedIndex,
      dbBytes: dbSize,
      dbInUseBytes: dbSizeInUse,
    });
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}
