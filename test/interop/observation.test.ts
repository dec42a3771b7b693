/** What a run tells of a cluster of real etcd members, by their logs and by asking them. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { install } from '../e2e/supervisor-harness.ts';
import { expectFailOver, ObservedCluster } from '../support/observed-cluster.ts';
import { realProgram } from '../support/real-etcd.ts';

const real = realProgram('etcd');
const release35 = realProgram('etcd-last-release');
const debian = existsSync('/usr/bin/etcd') ? '/usr/bin/etcd' : null;

let installation: Installation;
beforeAll(async () => {
  installation = await install();
});
afterAll(() => installation.remove());

async function failOver(etcd: string | null, env: Readonly<Record<string, string>>): Promise<void> {
  const cluster = new ObservedCluster(installation, ['--etcd', etcd ?? ''], env);
  try {
    await expectFailOver(cluster, 30_000);
  } finally {
    await cluster.close();
  }
}

describe.skipIf(real === null)('a run of etcd 3.6 (needs REAL_ETCD_DIR)', () => {
  it('tells by their logs that the leader was killed, and who leads next', async () => {
    await failOver(real, {});
  });

  it('finds the same by asking them, when their logs say nothing of it', async () => {
    await failOver(real, { ETCD_LOG_LEVEL: 'warn' });
  });
});

describe.skipIf(release35 === null)('a run of etcd 3.5 (needs REAL_ETCD_DIR)', () => {
  it('tells by their logs that the leader was killed, and who leads next', async () => {
    await failOver(release35, {});
  });
});

describe.skipIf(real === null || debian === null)("a run of Debian's etcd 3.4 (needs REAL_ETCD_DIR)", () => {
  it('tells by their logs that the leader was killed, and who leads next', async () => {
    await failOver(debian, {});
  });
});
