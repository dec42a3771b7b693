/** How members come into being: what a founder asks its peers first, and how long a joiner takes. */
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { memberId } from '../../src/server/cluster/ids.ts';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster, TestMember } from '../support/cluster.ts';
import { freePorts } from '../support/ports.ts';

/** Etcd's own joiner waits 7 s for what the lone member cannot answer, and a lost publication takes 7 s more; the rest is a busy machine. */
const joinMs = 6_500;
/** Etcd asks each peer for a second; a running one may be busy. */
const slowAnswerMs = 600;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe('a founder', () => {
  it('whose cluster knows it already is refused, also if that is said late', async () => {
    const cluster = await TestCluster.create({ binaries: [bundledEtcd, bundledEtcd] });
    closers.push(() => cluster.close());
    const [founder, other] = [cluster.member(0), cluster.member(1)];
    const id = memberId([founder.options.peerUrl], 'etcd-cluster-1');
    const known = `[{"id":${id},"peerURLs":["${founder.options.peerUrl}"],"name":"infra1","clientURLs":["http://x:1"]}]\n`;
    const peer = http.createServer((_, response) => {
      setTimeout(() => response.setHeader('X-Etcd-Cluster-Id', 'a').end(known), slowAnswerMs);
    });
    closers.push(() => new Promise((done) => peer.close(done)));
    await new Promise<void>((done) => peer.listen(Number(new URL(other.options.peerUrl).port), '127.0.0.1', done));
    founder.start();
    const code = await new Promise((done) => founder.process?.once('close', done));
    expect(code).toBe(1);
    expect(founder.log).toContain(`member ${id.toString(16)} has already been bootstrapped`);
  });
});

describe('a second member', () => {
  it('joins the first within seconds, whether that still leads or has stepped down for lack of it', async () => {
    for (const [at, isLate] of [false, true].entries()) {
      const cluster = await TestCluster.start({ binaries: [bundledEtcd] });
      closers.push(() => cluster.close());
      const first = cluster.member(0);
      const [clientPort, peerPort] = await freePorts(2);
      const peerUrl = `http://127.0.0.1:${peerPort}`;
      const client = new TestClient(first.clientUrl);
      expect((await client.call('etcdserverpb.Cluster/MemberAdd', { peerURLs: [peerUrl] })).ok).toBe(true);
      client.close();
      if (isLate) await first.waitForLog('stepped down to follower since quorum is not active');
      const second = new TestMember({
        name: 'infra2',
        binary: bundledEtcd,
        dataDir: join(cluster.directory, 'infra2.etcd'),
        clientUrl: `http://127.0.0.1:${clientPort}`,
        peerUrl,
        flags: [
          `--initial-cluster=infra1=${first.options.peerUrl},infra2=${peerUrl}`,
          '--initial-cluster-token=etcd-cluster-1',
          '--initial-cluster-state=existing',
        ],
      });
      closers.push(() => second.kill('SIGKILL'));
      const startMs = performance.now();
      await second.start().ready;
      const tookMs = performance.now() - startMs;
      console.log(`join ${at + 1} took ${Math.round(tookMs)} ms`);
      expect(tookMs).toBeLessThan(joinMs);
      const reader = new TestClient(second.clientUrl);
      expect((await reader.put('foo', 'bar', 5_000)).ok).toBe(true);
      reader.close();
    }
  });
});
