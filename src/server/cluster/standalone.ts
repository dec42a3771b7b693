/**
 * --force-new-cluster: what a member's log becomes when the member goes on alone (etcd server/etcdserver/bootstrap.go,
 * createConfigChangeEnts). [pure]
 */
import { Reader } from '../../proto/codec.ts';
import {
  type ConfState,
  confChangeType,
  decodeConfChange,
  type Entry,
  encodeConfChange,
  entryType,
  type HardState,
} from '../../proto/raftpb.ts';
import { compareIds } from './ids.ts';
import { memberJson } from './member.ts';

/** Where a member that its own log does not know says it is, until it is told otherwise; etcd's own words. */
const defaultPeerUrls = ['http://localhost:2380', 'http://localhost:7001'];

export interface StandaloneLog {
  /** The committed entries, and the changes that make the member the only one. */
  readonly entries: readonly Entry[];
  /** Of these, the changes, which are not on the disk yet. */
  readonly added: readonly Entry[];
  readonly hardState: HardState;
  /** Entries that were never committed, and are given up. */
  readonly discarded: number;
}

/** `start` is the index before the first of the entries, `confState` who took part by then. */
export function standaloneLog(
  localId: bigint,
  start: number,
  confState: ConfState | null,
  entries: readonly Entry[],
  hardState: HardState,
): StandaloneLog {
  const committed = entries.filter(({ index }) => index <= hardState.commit);
  const ids = idsAfter(confState, committed);
  const changes = [...ids]
    .filter((id) => id !== localId)
    .sort(compareIds)
    .map((nodeId) => encodeConfChange({ id: 0n, type: confChangeType.removeNode, nodeId, context: null }));
  if (!ids.has(localId)) {
    const self = { id: localId, name: '', peerUrls: defaultPeerUrls, clientUrls: [], isLearner: false };
    const context = Buffer.from(memberJson(self));
    changes.push(encodeConfChange({ id: 0n, type: confChangeType.addNode, nodeId: localId, context }));
  }
  const last = start + committed.length;
  const { term } = hardState;
  const added = changes.map((data, i) => ({ type: entryType.confChange, term, index: last + i + 1, data }));
  return {
    entries: [...committed, ...added],
    added,
    hardState: { ...hardState, commit: last + added.length },
    discarded: entries.length - committed.length,
  };
}

function idsAfter(confState: ConfState | null, entries: readonly Entry[]): Set<bigint> {
  const ids = new Set([...(confState?.voters ?? []), ...(confState?.learners ?? [])]);
  for (const entry of entries) {
    if (entry.type !== entryType.confChange || entry.data === null) continue;
    const { type, nodeId } = decodeConfChange(new Reader(entry.data));
    if (type === confChangeType.removeNode) ids.delete(nodeId);
    else if (type !== confChangeType.updateNode) ids.add(nodeId);
  }
  return ids;
}
