/** The replay of the recorded gRPC calls, against etcd itself: it proves the replay, and where its checksum comes from. */
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster } from '../support/cluster.ts';
import { replayGoldens } from '../support/golden-replay.ts';
import { realProgram } from '../support/real-etcd.ts';

const realEtcd = realProgram('etcd');
const skipped = realEtcd === null ? ' (skipped: REAL_ETCD_DIR names no folder with etcd)' : '';

let cluster: TestCluster | null = null;
afterEach(async () => {
  await cluster?.close();
  cluster = null;
});

describe.skipIf(realEtcd === null)(`the recorded gRPC calls${skipped}`, () => {
  it('are answered by real etcd as they were recorded', async () => {
    cluster = await TestCluster.start({ binaries: Array(3).fill(realEtcd) });
    const addresses = Object.fromEntries(
      cluster.members.map(({ options, clientUrl }) => [options.name, new URL(clientUrl).host]),
    );
    expect(await replayGoldens({ addresses })).toEqual([]);
  });
});
