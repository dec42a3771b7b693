import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { err, ok } from '../../../src/base/result.ts';
import { Reader } from '../../../src/proto/codec.ts';
import { encodeEntry, encodeHardState } from '../../../src/proto/raftpb.ts';
import {
  type BootstrapConfig,
  bootstrapNewCluster,
  decodeWalMetadata,
  encodeWalMetadata,
  joinCluster,
} from '../../../src/server/cluster/bootstrap.ts';
import { formatId, memberId } from '../../../src/server/cluster/ids.ts';
import type { Member } from '../../../src/server/cluster/member.ts';
import { parseInitialCluster } from '../../../src/server/cluster/peer-urls.ts';
import { fetchMembersOverHttp } from '../../../src/server/cluster/remote-members.ts';

const golden = JSON.parse(
  readFileSync(new URL('../../testdata/cluster/first-records-3.6.5.json', import.meta.url), 'utf8'),
) as { metadata: string; entries: string[]; hardState: string };

const three = 'infra1=http://127.0.0.1:12380,infra2=http://127.0.0.1:22380,infra3=http://127.0.0.1:32380';
const noPeers = () => Promise.resolve(null);

function config(name: string, initialCluster: string, advertise: readonly string[]): BootstrapConfig {
  const parsed = parseInitialCluster(initialCluster);
  if (!parsed.ok) throw new Error(parsed.error);
  return {
    name,
    initialCluster: parsed.value,
    token: 'etcd-cluster-1',
    advertisePeerUrls: advertise,
    resolveHost: (host) => Promise.resolve(host === 'here' ? ok('127.0.0.1') : err(`lookup ${host}: no such host`)),
  };
}

describe('a new cluster', () => {
  it('has the ids, first entries, hard state and WAL metadata of etcd, byte for byte', async () => {
    const founded = await bootstrapNewCluster(config('infra1', three, ['http://127.0.0.1:12380']), noPeers);
    if (!founded.ok) throw new Error(founded.error);
    const { value } = founded;
    expect(formatId(value.memberId)).toBe('8211f1d0f64f3269');
    expect(formatId(value.clusterId)).toBe('ef37ad9dc622a7c4');
    expect(value.entries.map((entry) => encodeEntry(entry).toString('hex'))).toEqual(golden.entries);
    expect(encodeHardState({ ...value.hardState }).toString('hex')).toBe(golden.hardState);
    expect(encodeWalMetadata(value).toString('hex')).toBe(golden.metadata);
    expect(decodeWalMetadata(Buffer.from(golden.metadata, 'hex'))).toEqual({
      memberId: value.memberId,
      clusterId: value.clusterId,
    });
    expect(new Reader(Buffer.from(golden.metadata, 'hex')).more()).toBe(true);
  });

  it('accepts advertised URLs that resolve to those of the initial cluster', async () => {
    const founded = await bootstrapNewCluster(config('m1', 'm1=http://here:2380', ['http://127.0.0.1:2380']), noPeers);
    expect(founded.ok).toBe(true);
  });

  it.each([
    [
      'default',
      'a=http://127.0.0.1:1',
      ['http://127.0.0.1:1'],
      `couldn't find local name "default" in the initial cluster configuration`,
    ],
    ['m1', ',,', ['http://127.0.0.1:1'], `couldn't find local name "m1" in the initial cluster configuration`],
    [
      'm1',
      'm1=http://127.0.0.1:2380,m2=http://127.0.0.1:2381',
      ['http://127.0.0.1:2399'],
      '--initial-cluster has m1=http://127.0.0.1:2380 but missing from --initial-advertise-peer-urls=http://127.0.0.1:2399 (resolved urls: "http://127.0.0.1:2399" != "http://127.0.0.1:2380")',
    ],
    [
      'm1',
      'm1=http://127.0.0.1:24880,m1=http://127.0.0.1:24881',
      ['http://127.0.0.1:24880'],
      '--initial-cluster has m1=http://127.0.0.1:24881 but missing from --initial-advertise-peer-urls=http://127.0.0.1:24880 (len(["http://127.0.0.1:24880"]) != len(["http://127.0.0.1:24880" "http://127.0.0.1:24881"]))',
    ],
    [
      'm1',
      'm1=http://127.0.0.1:24880',
      ['http://127.0.0.1:24880', 'http://127.0.0.1:24881'],
      '--initial-advertise-peer-urls has http://127.0.0.1:24881 but missing from --initial-cluster=m1=http://127.0.0.1:24880,m1=http://127.0.0.1:24881',
    ],
    [
      'm1',
      'm1=http://127.0.0.1:24880,m2=http://127.0.0.1:24880',
      ['http://127.0.0.1:24880'],
      'initial cluster m1=http://127.0.0.1:24880,m2=http://127.0.0.1:24880 has duplicate url',
    ],
  ] as const)('of %s in %s is refused with etcd’s text', async (name, cluster, advertise, error) => {
    expect(await bootstrapNewCluster(config(name, cluster, advertise), noPeers)).toEqual({ ok: false, error });
  });

  it('is refused to a member that its peers know to run already', async () => {
    const id = memberId(['http://127.0.0.1:12380'], 'etcd-cluster-1');
    const self: Member = { id, name: 'infra1', peerUrls: [], clientUrls: ['http://x:1'], isLearner: false };
    const running = () => Promise.resolve({ clusterId: 1n, members: [self] });
    expect(await bootstrapNewCluster(config('infra1', three, ['http://127.0.0.1:12380']), running)).toEqual({
      ok: false,
      error: 'member 8211f1d0f64f3269 has already been bootstrapped',
    });
  });
});

describe('--initial-cluster', () => {
  it.each([
    ['m1', 'URL scheme must be http, https, unix, or unixs: '],
    ['m1=foo', 'URL scheme must be http, https, unix, or unixs: foo'],
    ['m1=http://127.0.0.1', 'URL address does not have the form "host:port": http://127.0.0.1'],
    ['m1=http://127.0.0.1:24880/x', 'URL must not contain a path: http://127.0.0.1:24880/x'],
    ['m1=http://%zz:1', 'parse "http://%zz:1": invalid URL escape "%zz"'],
    ['m1=http://a b:1', 'parse "http://a b:1": invalid character " " in host name'],
    ['m1=http://a:b', 'parse "http://a:b": invalid port ":b" after host'],
    ['m1=127.0.0.1:2380', 'parse "127.0.0.1:2380": first path segment in URL cannot contain colon'],
  ])('%s is refused with etcd’s text', (text, error) => {
    expect(parseInitialCluster(text)).toEqual({ ok: false, error });
  });

  it('collects and sorts the URLs of a name', () => {
    expect(parseInitialCluster('b=http://b:1,a=http://z:1,,a=HTTP://c:1,u=unix://x:1')).toEqual({
      ok: true,
      value: new Map([
        ['b', ['http://b:1']],
        ['a', ['http://c:1', 'http://z:1']],
        ['u', ['unix://x:1']],
      ]),
    });
  });
});

describe('joining a running cluster', () => {
  const local = config('m2', 'm1=http://127.0.0.1:1,m2=http://127.0.0.1:2', ['http://127.0.0.1:2']);
  const running: Member[] = [
    { id: 0xan, name: '', peerUrls: ['http://127.0.0.1:2'], clientUrls: [], isLearner: false },
    { id: 0xbn, name: 'm1', peerUrls: ['http://127.0.0.1:1'], clientUrls: ['http://127.0.0.1:9'], isLearner: false },
  ];

  it('takes the ids of the members with the same peer URLs', async () => {
    const joined = await joinCluster(local, () => Promise.resolve({ clusterId: 5n, members: running }));
    expect(joined).toEqual({
      ok: true,
      value: {
        memberId: 0xan,
        clusterId: 5n,
        remotes: running,
        members: [
          { id: 0xan, name: 'm2', peerUrls: ['http://127.0.0.1:2'], clientUrls: [], isLearner: false },
          { id: 0xbn, name: 'm1', peerUrls: ['http://127.0.0.1:1'], clientUrls: [], isLearner: false },
        ],
      },
    });
  });

  it.each([
    [null, 'cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs'],
    [
      running.slice(1),
      'error validating peerURLs {ClusterID:5 Members:[&{ID:b RaftAttributes:{PeerURLs:[http://127.0.0.1:1] IsLearner:false} Attributes:{Name:m1 ClientURLs:[http://127.0.0.1:9]}}] RemovedMemberIDs:[]}: member count is unequal',
    ],
  ] as const)('is refused with etcd’s text %#', async (members, error) => {
    const fetchMembers = () => Promise.resolve(members === null ? null : { clusterId: 5n, members });
    expect(await joinCluster(local, fetchMembers)).toEqual({ ok: false, error });
  });
});

describe('asking peers for their members', () => {
  const servers: http.Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  async function serve(body: string, clusterId: string): Promise<string> {
    const server = http.createServer((_, response) => {
      response.writeHead(200, { 'X-Etcd-Cluster-Id': clusterId, Connection: 'close' }).end(body);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('skips those that do not answer well', async () => {
    const warnings: string[] = [];
    const fetchMembers = fetchMembersOverHttp((message, fields) => warnings.push(`${message} ${fields['error']}`));
    const urls = [
      'http://127.0.0.1:1',
      await serve('xyz', 'a'),
      await serve('[]', ''),
      await serve('[{"id":18446744073709551615,"peerURLs":["http://x:1"]}]\n', 'ef37ad9dc622a7c4'),
    ];
    const answer = await fetchMembers(urls);
    expect(answer?.clusterId).toBe(0xef37ad9dc622a7c4n);
    expect(answer?.members[0]?.id).toBe(2n ** 64n - 1n);
    warnings.length = 0;
    expect(await fetchMembers(urls.slice(0, 3))).toBeNull();
    expect(warnings.sort()).toEqual([
      'failed to get cluster response Get "http://127.0.0.1:1/members": dial tcp 127.0.0.1:1: connect: connection refused',
      'failed to parse cluster ID invalid syntax',
      `failed to unmarshal cluster response invalid character 'x' looking for beginning of value`,
    ]);
    expect(await fetchMembers([])).toBeNull();
  });
});
