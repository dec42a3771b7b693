/** Bundled and real members in one cluster over TLS, and real clients in front of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority, type Issued } from '../support/certificates.ts';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { debianEtcd, realProgram, run } from '../support/real-etcd.ts';

const etcd = realProgram('etcd');
const etcdctl = realProgram('etcdctl');
const old = debianEtcd();

let folder: string;
let cluster: TestCluster | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-tls-'));
});
afterEach(async () => {
  await cluster?.close();
  cluster = null;
  rmSync(folder, { recursive: true, force: true });
});

const mixes = [
  { name: '{2 real 3.6.5 + 1 bundled}', binaries: [etcd, etcd, bundledEtcd] },
  { name: '{1 real 3.6.5 + 2 bundled}', binaries: [bundledEtcd, etcd, bundledEtcd] },
  { name: '{1 Debian 3.4.23 + 2 bundled}', binaries: [bundledEtcd, old, bundledEtcd] },
];

function programs(binaries: readonly (string | null)[]): string[] | null {
  const there = binaries.filter((binary) => binary !== null);
  return there.length === binaries.length ? there : null;
}

/** For what must succeed: an election may have to come first. */
const patient = ['--dial-timeout=10s', '--command-timeout=10s'];
/** For what must fail. */
const brief = ['--dial-timeout=2s', '--command-timeout=2s'];

describe.skipIf(etcdctl === null)('TLS with real etcd (needs REAL_ETCD_DIR)', () => {
  const ctl = (...args: string[]) => run(etcdctl ?? '', [...patient, ...args]);
  const refused = async (...args: string[]) => (await run(etcdctl ?? '', [...brief, ...args])).code !== 0;

  /** A write at each member, read at each other; and a lease, which those that do not lead ask the leader about. */
  async function proves(endpoints: readonly string[], flags: readonly string[]): Promise<void> {
    for (const [index, endpoint] of endpoints.entries()) {
      // What a member has forwarded to a leader that is gone is lost, and its client told so after seven seconds.
      await expect
        .poll(() => ctl(`--endpoints=${endpoint}`, ...flags, 'put', `key${index}`, 'value'), { timeout: 30_000 })
        .toMatchObject({ code: 0, stdout: 'OK\n' });
    }
    for (const endpoint of endpoints) {
      const got = await ctl(`--endpoints=${endpoint}`, ...flags, 'get', '--prefix', 'key', '--keys-only');
      expect(got.stdout.split('\n')).toEqual(expect.arrayContaining(endpoints.map((_, index) => `key${index}`)));
    }
    const granted = await ctl(`--endpoints=${endpoints[0]}`, ...flags, 'lease', 'grant', '60');
    const lease = /^lease ([0-9a-f]+) granted/.exec(granted.stdout)?.[1] ?? granted.stderr;
    for (const endpoint of endpoints) {
      const renewed = await ctl(`--endpoints=${endpoint}`, ...flags, 'lease', 'keep-alive', '--once', lease);
      expect(renewed.stdout).toBe(`lease ${lease} keepalived with TTL(60)\n`);
    }
  }

  it.for(mixes)('$name with certificates of their own making', async ({ binaries }, { skip }) => {
    const found = programs(binaries);
    if (found === null) return skip('one of its etcds is not here');
    cluster = await TestCluster.start({ binaries: found, scheme: 'https', flags: ['--auto-tls', '--peer-auto-tls'] });
    const flags = ['--insecure-transport=false', '--insecure-skip-tls-verify'];
    await proves(
      cluster.members.map((member) => member.clientUrl),
      flags,
    );
    await cluster.member(0).kill('SIGKILL');
    await proves(
      cluster.members.slice(1).map((member) => member.clientUrl),
      flags,
    );
  });

  it.for(mixes)('$name with mutual authentication', async ({ binaries }, { skip }) => {
    const found = programs(binaries);
    if (found === null) return skip('one of its etcds is not here');
    const authority = createAuthority(folder);
    const own = authority.issue('member', ['127.0.0.1', 'localhost']);
    cluster = await TestCluster.start({
      binaries: found,
      scheme: 'https',
      flags: ['', 'peer-'].flatMap((side) => [
        `--${side}cert-file=${own.certFile}`,
        `--${side}key-file=${own.keyFile}`,
        `--${side}trusted-ca-file=${authority.caFile}`,
        `--${side}client-cert-auth`,
      ]),
    });
    const as = ({ certFile, keyFile }: Issued, caFile = authority.caFile) => [
      `--cacert=${caFile}`,
      `--cert=${certFile}`,
      `--key=${keyFile}`,
    ];
    await proves(
      cluster.members.map((member) => member.clientUrl),
      as(authority.issue('client', [])),
    );
    const endpoint = `--endpoints=${cluster.member(0).clientUrl}`;
    expect(await refused(endpoint, `--cacert=${authority.caFile}`, 'get', 'key0')).toBe(true);
    const stranger = createAuthority(folder, 'stranger').issue('x', []);
    expect(await refused(endpoint, ...as(stranger, authority.caFile), 'get', 'key0')).toBe(true);
    await cluster.member(0).waitForLog('rejected connection on client endpoint');
  });
});
