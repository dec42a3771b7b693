/** What applying an entry gives to the client whose request it was. */
import type {
  CompactionResponse,
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  TxnResponse,
} from '../../proto/etcdserverpb-kv.ts';

/** An alarm raised by or for a member; `alarm` is etcdserverpb.AlarmType (1 NOSPACE, 2 CORRUPT). */
export interface AlarmEntry {
  readonly memberId: bigint;
  readonly alarm: number;
}

/** The result of an applied entry; which one depends on the field proposed. Headers carry the revision only. */
export type ApplyResponse =
  | { readonly type: 'range'; readonly response: RangeResponse }
  | { readonly type: 'put'; readonly response: PutResponse }
  | { readonly type: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly type: 'txn'; readonly response: TxnResponse }
  /** `physical` resolves when the scrub that belongs to this compaction is done. */
  | { readonly type: 'compaction'; readonly response: CompactionResponse; readonly physical: Promise<void> }
  | { readonly type: 'alarm'; readonly alarms: readonly AlarmEntry[] }
  | { readonly type: 'leaseGrant'; readonly id: bigint; readonly ttl: number }
  /** An entry whose effect has no answer (versions, attributes). */
  | { readonly type: 'empty' };
