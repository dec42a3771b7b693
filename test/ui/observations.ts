/** A run of three members and a web server as it would be seen at four moments: calm, leader killed, leader cut off, healed. */
import type {
  FaultFacts,
  LinkFacts,
  MemberFacts,
  Observation,
  ProcessFacts,
  RunEvent,
} from '../../src/supervisor/observe/model.ts';

/** 2026-11-22 12:00:00 UTC. */
export const startMs = Date.UTC(2026, 10, 22, 12, 0, 0);
const cluster = 'ef37ad9dc622a7c4';
const names = ['etcd1', 'etcd2', 'etcd3'];
const ids = ['8211f1d0f64f3269', '91bc3c398fb3c146', 'fd422379fda50e48'];

export function member(index: number, changes: Partial<MemberFacts> = {}): MemberFacts {
  return {
    memberId: ids[index] ?? null,
    clusterId: cluster,
    version: '3.6.5',
    role: 'follower',
    term: 2,
    leader: ids[0] ?? null,
    raftIndex: 20_431 + index,
    appliedIndex: 20_431,
    lag: [0, 0, 3, 1, 0, 0, 12, 2, 0, index],
    commitsPerSecond: 812,
    dbBytes: 25_300_000,
    dbInUseBytes: 18_874_368,
    syncP99Ms: 2.34,
    clientUrl: `http://127.0.0.1:${index + 1}2379`,
    healthMs: 0.8 + index,
    clientError: null,
    source: 'admin',
    updatedMs: startMs,
    ...changes,
  };
}

export function facts(index: number, changes: Partial<ProcessFacts> = {}): ProcessFacts {
  return {
    name: names[index] ?? 'web',
    colourIndex: index,
    state: 'running',
    ended: null,
    ready: true,
    pid: 4_100 + index,
    port: 5_000 + 100 * index,
    startedMs: startMs + 100,
    restarts: 0,
    cpu: 0.07 * (index + 1),
    rssBytes: (61 + index) * 1_048_576,
    member: index < names.length ? member(index) : null,
    ...changes,
  };
}

export function links(change: (from: string, to: string) => Partial<LinkFacts> = () => ({})): LinkFacts[] {
  return names.flatMap((from, row) =>
    names.flatMap((to, column): LinkFacts[] => {
      if (from === to) return [];
      return [{ from, to, up: true, rttMs: 0.4 + row + column / 10, faults: [], ...change(from, to) }];
    }),
  );
}

const started: readonly RunEvent[] = names.map((name, index) => ({
  type: 'member-started',
  atMs: startMs + 100 + index,
  name,
  pid: 4_100 + index,
}));
const firstLeader: readonly RunEvent[] = [
  { type: 'election', atMs: startMs + 800, cluster, member: 'etcd1', term: 2 },
  { type: 'leader-changed', atMs: startMs + 850, cluster, from: null, to: 'etcd1', term: 2, downtimeMs: null },
];

/** 40 s after the start: etcd1 leads. */
export const calm: Observation = {
  atMs: startMs + 40_000,
  startedMs: startMs,
  processes: [facts(0, { member: member(0, { role: 'leader', raftIndex: 20_433 }) }), facts(1), facts(2), facts(3)],
  links: links(),
  faults: [],
  events: [...started, ...firstLeader],
};

const kill: FaultFacts = {
  id: 'f1',
  command: 'kill etcd1',
  text: 'etcd1 is killed',
  targets: ['etcd1'],
  links: [],
  injectedMs: startMs + 45_000,
  bitMs: startMs + 45_004,
};

const killed: readonly RunEvent[] = [
  { type: 'fault-injected', atMs: startMs + 45_000, fault: kill },
  { type: 'member-exited', atMs: startMs + 45_004, name: 'etcd1', code: null, signal: 'SIGKILL' },
  { type: 'leader-lost', atMs: startMs + 45_004, cluster, from: 'etcd1', term: 2 },
  { type: 'fault-healed', atMs: startMs + 45_005, id: 'f1', command: 'kill etcd1' },
  { type: 'election', atMs: startMs + 45_040, cluster, member: 'etcd2', term: 3 },
  { type: 'leader-changed', atMs: startMs + 45_062, cluster, from: 'etcd1', to: 'etcd2', term: 3, downtimeMs: 58 },
];

const inTerm3 = { term: 3, leader: ids[1] ?? null };

/** 10 s after etcd1 was killed: etcd2 leads. */
export const leaderKilled: Observation = {
  atMs: startMs + 55_000,
  startedMs: startMs,
  processes: [
    facts(0, { state: 'stopped', ended: 'terminated by SIGKILL', ready: false, pid: null, cpu: null, rssBytes: null }),
    facts(1, { member: member(1, { ...inTerm3, role: 'leader' }) }),
    facts(2, { member: member(2, inTerm3) }),
    facts(3),
  ],
  links: links((from, to) => (from === 'etcd1' || to === 'etcd1' ? { up: false, rttMs: null } : {})),
  faults: [],
  events: [...calm.events, ...killed],
};

const restarted: RunEvent = { type: 'member-started', atMs: startMs + 60_000, name: 'etcd1', pid: 4_200 };
const cut: FaultFacts = {
  id: 'f2',
  command: 'partition --isolate etcd2',
  text: 'etcd2 is cut off from etcd1, etcd3',
  targets: ['etcd2'],
  links: [
    { from: 'etcd2', to: 'etcd1' },
    { from: 'etcd1', to: 'etcd2' },
    { from: 'etcd2', to: 'etcd3' },
    { from: 'etcd3', to: 'etcd2' },
  ],
  injectedMs: startMs + 70_000,
  bitMs: startMs + 70_009,
};
const isCut = (from: string, to: string) => from === 'etcd2' || to === 'etcd2';
const partition: readonly RunEvent[] = [
  restarted,
  { type: 'fault-injected', atMs: startMs + 70_000, fault: cut },
  { type: 'fault-effective', atMs: startMs + 70_009, id: 'f2', afterMs: 9 },
  { type: 'leader-lost', atMs: startMs + 71_100, cluster, from: 'etcd2', term: 3 },
  { type: 'election', atMs: startMs + 71_180, cluster, member: 'etcd3', term: 4 },
  { type: 'leader-changed', atMs: startMs + 71_230, cluster, from: 'etcd2', to: 'etcd3', term: 4, downtimeMs: 1_230 },
];
const inTerm4 = { term: 4, leader: ids[2] ?? null };

/** The leader etcd2 is cut off; etcd3 leads the others. */
export const leaderCutOff: Observation = {
  atMs: startMs + 80_000,
  startedMs: startMs,
  processes: [
    facts(0, { pid: 4_200, startedMs: startMs + 60_000, restarts: 1, member: member(0, inTerm4) }),
    facts(1, {
      member: member(1, { term: 3, leader: '0', healthMs: null, commitsPerSecond: 0, lag: [0, 0, 40, 180, 420, 800] }),
    }),
    facts(2, { member: member(2, { ...inTerm4, role: 'leader' }) }),
    facts(3),
  ],
  links: links((from, to) => (isCut(from, to) ? { up: false, rttMs: null, faults: ['f2'] } : {})),
  faults: [cut],
  events: [...leaderKilled.events, ...partition],
};

/** The cut has been healed: all agree on etcd3. */
export const healed: Observation = {
  atMs: startMs + 90_000,
  startedMs: startMs,
  processes: [
    facts(0, { pid: 4_200, startedMs: startMs + 60_000, restarts: 1, member: member(0, inTerm4) }),
    facts(1, { member: member(1, inTerm4) }),
    facts(2, { member: member(2, { ...inTerm4, role: 'leader' }) }),
    facts(3),
  ],
  links: links(),
  faults: [],
  events: [
    ...leaderCutOff.events,
    { type: 'fault-healed', atMs: startMs + 85_000, id: 'f2', command: 'partition --isolate etcd2' },
  ],
};

export const nothingRuns: Observation = {
  atMs: startMs,
  startedMs: startMs,
  processes: [],
  links: [],
  faults: [],
  events: [],
};
