/** The bucket `lease`: leasepb.Lease by the big-endian id. */
import { int53, int64, message, single } from '../../../proto/table.ts';
import type { Backend } from '../backend/backend.ts';
import { putPair, readPairs } from './pairs.ts';

const leaseMessage = message('Lease', {
  id: single(1, 'ID', int64),
  ttl: single(2, 'TTL', int53),
  remainingTtl: single(3, 'RemainingTTL', int53),
});

/** Times are in seconds. */
export interface StoredLease {
  readonly id: bigint;
  readonly ttl: number;
  /** What was left at the last checkpoint; 0: nobody made one. */
  readonly remainingTtl: number;
}

export function putLease(backend: Backend, lease: StoredLease): void {
  putPair(backend, 'lease', keyOf(lease.id), leaseMessage.encode(lease));
}

export function deleteLease(backend: Backend, id: bigint): void {
  backend.delete('lease', keyOf(id));
}

/** Throws ProtoError for what no etcd wrote. */
export function readLeases(backend: Backend): StoredLease[] {
  return readPairs(backend, 'lease').map(({ value }) => leaseMessage.decode(value));
}

function keyOf(id: bigint): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigInt64BE(id);
  return key;
}
