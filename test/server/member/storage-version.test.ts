import { beforeEach, describe, expect, it } from 'vitest';
import { emptyConfState } from '../../../src/proto/raftpb.ts';
import { confStateJson } from '../../../src/server/cluster/conf-state.ts';
import { formatId } from '../../../src/server/cluster/ids.ts';
import { memberJson } from '../../../src/server/cluster/member.ts';
import { MemberState } from '../../../src/server/member/state.ts';
import { detectedVersion, StorageVersion, versionProblem } from '../../../src/server/member/storage-version.ts';
import { putMember } from '../../../src/server/storage/schema/cluster.ts';
import { putConfState, readStorageVersion } from '../../../src/server/storage/schema/meta.ts';
import { stateConfig } from '../../support/applied-state.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryBackend } from '../../support/memory-backend.ts';
import { silentLogger } from '../../support/silent-logger.ts';

let backend: MemoryBackend;
let state: MemberState;
let lines: string[];
let logVersion: string | null;
let awaitsSnapshot: boolean;
let keeper: StorageVersion;

beforeEach(async () => {
  backend = new MemoryBackend();
  state = new MemberState(backend, 1n, 2n, stateConfig);
  await state.restore(backend, () => Promise.resolve());
  state.mark(5, 2);
  lines = [];
  logVersion = null;
  awaitsSnapshot = false;
  const logger = {
    ...silentLogger,
    info: (message: string) => lines.push(message),
    error: (message: string) => lines.push(message),
  };
  keeper = new StorageVersion({
    clock: new ManualClock(),
    logger,
    state: () => state,
    logVersion: () => logVersion,
    awaitsSnapshot: () => awaitsSnapshot,
  });
});

async function noted(): Promise<string | null> {
  await backend.commit();
  return readStorageVersion(backend);
}

describe('the version of the database', () => {
  it('is that of the cluster from 3.6 on, and is not noted before', async () => {
    expect(detectedVersion(state)).toBe('3.5.0');
    keeper.update();
    state.cluster.setVersion('3.5.0');
    keeper.update();
    expect(await noted()).toBe(null);
    state.cluster.setVersion('3.6.0');
    keeper.update();
    expect(await noted()).toBe('3.6.0');
    expect(detectedVersion(state)).toBe('3.6.0');
  });

  it('is taken out when the cluster is downgraded, once the snapshot for the lower version is on disk', async () => {
    state.cluster.setVersion('3.6.0');
    keeper.update();
    state.cluster.setDowngrade({ enabled: true, targetVersion: '3.5.0' });
    state.cluster.setVersion('3.5.0');
    awaitsSnapshot = true;
    keeper.update();
    expect(await noted()).toBe('3.6.0');
    awaitsSnapshot = false;
    lines = [];
    keeper.update();
    expect(await noted()).toBe(null);
    expect(detectedVersion(state)).toBe('3.5.0');
    expect(lines).toEqual([
      'cluster version differs from storage version.',
      'updated storage version',
      'The server is ready to downgrade',
    ]);
  });

  it('stays while the log holds what the lower version does not understand', async () => {
    state.cluster.setVersion('3.6.0');
    keeper.update();
    state.cluster.setVersion('3.5.0');
    logVersion = '3.6.0';
    keeper.update();
    keeper.update();
    expect(await noted()).toBe('3.6.0');
    expect(lines.filter((line) => line === 'failed to update storage version')).toHaveLength(1);
  });

  it('stays in a cluster of 3.4, of whose databases nothing is known', async () => {
    state.cluster.setVersion('3.4.0');
    keeper.update();
    expect(await noted()).toBe(null);
    expect(lines).toContain('failed to update storage version');
  });

  it('keeps a member from running that is older than its database or its cluster', () => {
    state.cluster.setVersion('3.6.0');
    expect(versionProblem(state)).toBe(null);
    state.cluster.setVersion('3.7.0');
    expect(versionProblem(state)).toContain('server version is lower than determined cluster version');
    state.setStorageVersion('3.7.0');
    expect(versionProblem(state)).toBe('version "3.7.0" is not supported');
  });
});

describe('a member that the database calls a learner', () => {
  it('is a voter if Raft knows it as one: 3.5 lost its promotion', async () => {
    const members = [5n, 6n].map((id) => ({ id, name: 'm', peerUrls: [], clientUrls: [], isLearner: true }));
    for (const member of members) putMember(backend, formatId(member.id), memberJson(member));
    putConfState(backend, confStateJson({ ...emptyConfState, voters: [5n], learners: [6n] }));
    backend.mark(5, 2);
    await backend.commit();
    const next = new MemberState(backend, 1n, 2n, stateConfig);
    await next.restore(backend, () => Promise.resolve());
    expect(next.repaired.map(({ id }) => id)).toEqual([5n]);
    expect(next.membership.votingMembers().map(({ id }) => id)).toEqual([5n]);
    next.mark(6, 2);
    await backend.commit();
    const again = new MemberState(backend, 1n, 2n, stateConfig);
    await again.restore(backend, () => Promise.resolve());
    expect(again.repaired).toEqual([]);
    expect(again.membership.member(6n)?.isLearner).toBe(true);
  });
});
