/**
 * Maintenance.Hash: the CRC-32C of everything that etcd's database would hold for the same state, bucket by bucket in the order of their
 * names: each name, then its keys and values; consistent_index, term and storageVersion are left out, as etcd leaves them out
 * (server/storage/schema, DefaultIgnores).
 */
import { crc32c } from '../../base/crc32c.ts';
import { alarmMember } from '../../proto/etcdserverpb-maintenance.ts';
import type { ConfState } from '../../proto/raftpb.ts';
import type { AlarmEntry } from '../apply/response.ts';
import { formatId } from '../cluster/ids.ts';
import { memberJson } from '../cluster/member.ts';
import type { Membership } from '../cluster/membership.ts';
import { bucketKeyBytes, writeBucketKey } from '../mvcc/revision.ts';
import type { KvStore } from '../mvcc/store.ts';

export interface HashedState {
  readonly store: KvStore;
  readonly membership: Membership;
  readonly alarms: readonly AlarmEntry[];
  readonly confState: ConfState;
}

type Items = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

const empty = new Uint8Array(0);

export function backendHash({ store, membership, alarms, confState }: HashedState): number {
  let crc = 0;
  const write = (bytes: Uint8Array): void => {
    crc = crc32c(crc, bytes);
  };
  const bucket = (name: string, items: Items): void => {
    write(Buffer.from(name));
    for (const [key, value] of [...items].sort((a, b) => Buffer.compare(a[0], b[0]))) {
      write(key);
      write(value);
    }
  };
  const text = (key: string, value: string): readonly [Uint8Array, Uint8Array] => [
    Buffer.from(key),
    Buffer.from(value),
  ];
  const version = membership.version();

  bucket(
    'alarm',
    alarms.map((alarm) => [alarmMember.encode(alarm), empty]),
  );
  // A store of users that was never changed: revision 1, big-endian.
  bucket('auth', [[Buffer.from('authRevision'), Buffer.from([0, 0, 0, 0, 0, 0, 0, 1])]]);
  bucket('authRoles', []);
  bucket('authUsers', []);
  bucket('cluster', version === null ? [] : [text('clusterVersion', version)]);
  crc = store.hashKeyBucket(crc);
  bucket('lease', []);
  bucket(
    'members',
    membership.members().map((member) => text(formatId(member.id), memberJson(member))),
  );
  bucket(
    'members_removed',
    membership.removed().map((id) => text(formatId(id), 'removed')),
  );
  const meta = [text('confState', confStateJson(confState))];
  if (store.compactRevision > 0) meta.push([Buffer.from('scheduledCompactRev'), revisionKey(store.compactRevision)]);
  if (store.finishedCompactRevision > 0) {
    meta.push([Buffer.from('finishedCompactRev'), revisionKey(store.finishedCompactRevision)]);
  }
  bucket('meta', meta);
  return crc;
}

function revisionKey(main: number): Uint8Array {
  const key = new Uint8Array(bucketKeyBytes);
  writeBucketKey(key, main, 0, false);
  return key;
}

/** raftpb.ConfState as Go's encoding/json prints it: ids are numbers, empty lists are left out. */
function confStateJson({ voters, learners, votersOutgoing, learnersNext, autoLeave }: ConfState): string {
  const list = (name: string, ids: readonly bigint[]): string =>
    ids.length === 0 ? '' : `"${name}":[${ids.join(',')}],`;
  const lists =
    list('voters', voters) +
    list('learners', learners) +
    list('voters_outgoing', votersOutgoing) +
    list('learners_next', learnersNext);
  return `{${lists}"auto_leave":${autoLeave}}`;
}
