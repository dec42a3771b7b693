import type { AdminStatus } from '../../../src/base/admin-protocol.ts';

/** What a leader pushes over its admin socket, but for `changes`. */
export function adminStatus(changes: Partial<AdminStatus> = {}): AdminStatus {
  return {
    name: 'etcd1',
    memberId: 'a1',
    clusterId: 'c1',
    atMs: 1_000,
    role: 'leader',
    isLearner: false,
    term: 2,
    leader: 'a1',
    lastIndex: 12,
    committed: 10,
    applied: 9,
    revision: 3,
    dbBytes: 20_480,
    dbInUseBytes: 16_384,
    syncP99Ms: 1.5,
    syncsHit: 0,
    links: [],
    ...changes,
  };
}
