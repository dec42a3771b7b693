/** What etcdctl 3.6.5 and 3.4.23 were seen to print in front of etcd 3.6.5, they print in front of bundled members too. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { memberId } from '../../src/server/cluster/ids.ts';
import { TestClient } from '../support/client.ts';
import { bundledEtcd, TestCluster } from '../support/cluster.ts';
import { freePorts } from '../support/ports.ts';
import { debianEtcdctl, type Run, realProgram } from '../support/real-etcd.ts';

interface CtlCall {
  readonly n: number;
  readonly args: readonly string[];
  readonly stdin: string | null;
  readonly exit: number;
  /** Numbers of the members asked. */
  readonly endpoints: readonly number[];
  /** Why the call is not compared; writes that others depend on are then in `standIn`. */
  readonly skip?: string;
  readonly standIn?: readonly (readonly string[])[];
  readonly stdout: string;
  /** Without the lines of the client's log. */
  readonly stderr: string;
}

const recordedIds = ['8211f1d0f64f3269', '91bc3c398fb3c146', 'fd422379fda50e48'];
const recordedClusterId = 'ef37ad9dc622a7c4';
const recordedPorts = [12379, 12380, 22379, 22380, 32379, 32380];

let cluster: TestCluster | null = null;
afterEach(async () => {
  await cluster?.close();
  cluster = null;
});

describe.each([
  ['3.6.5', realProgram('etcdctl'), 'ctl-s36-c36'],
  ['3.4.23', debianEtcdctl(), 'ctl-s36-c34'],
])('etcdctl %s', (_version, program, recording) => {
  it.skipIf(program === null)('prints what it printed in front of etcd 3.6.5', async () => {
    const ports = await freePorts(recordedPorts.length);
    const token = tokenOfSortedIds(ports);
    cluster = await TestCluster.start({ binaries: Array(3).fill(bundledEtcd), ports, token });
    const endpoints = cluster.members.map((member) => new URL(member.clientUrl).host);
    const leases = new Leases();
    const translateCluster = await translation(endpoints[0] ?? '', ports, token);
    const translate = (text: string): string => leases.translate(translateCluster(text));
    const calls: readonly CtlCall[] = JSON.parse(
      readFileSync(new URL(`../testdata/etcd/${recording}.json`, import.meta.url), 'utf8'),
    );
    const etcdctl = (args: readonly string[], at: readonly number[], stdin: string | null): Promise<Run> =>
      runWithInput(program ?? '', [`--endpoints=${at.map((n) => endpoints[n - 1]).join(',')}`, ...args], stdin);

    const differences: unknown[] = [];
    for (const call of calls) {
      for (const args of call.standIn ?? []) await etcdctl(args, call.endpoints, null);
      if (call.skip !== undefined) continue;
      const args = call.args.map((arg) => leases.translate(arg));
      const { code, stdout, stderr } = await etcdctl(args, call.endpoints, expandInput(call.stdin));
      leases.learn(call.stdout, stdout);
      const seen = { exit: code, stdout: withoutChance(stdout), stderr: withoutLog(stderr) };
      const expected = {
        exit: call.exit,
        stdout: withoutChance(translate(call.stdout)),
        stderr: translate(call.stderr),
      };
      if (JSON.stringify(seen) !== JSON.stringify(expected))
        differences.push({ n: call.n, args: call.args, expected, seen });
    }
    expect(differences).toEqual([]);
  });
});

/** The ids that the server chose for leases: others than were recorded. */
class Leases {
  private readonly ids = new Map<string, string>();

  /** From what a grant printed. */
  learn(recorded: string, seen: string): void {
    const simple = /^lease ([0-9a-f]+) granted with TTL\(\d+s\)\n$/;
    const json = /^\{.*"ID":(\d+),"TTL":\d+,"Error":""\}\n$/;
    const hex = [recorded, seen].map((text) => simple.exec(text)?.[1] ?? hexOf(json.exec(text)?.[1]));
    const [from, to] = hex;
    if (from === undefined || to === undefined) return;
    this.ids.set(from, to);
    this.ids.set(String(BigInt(`0x${from}`)), String(BigInt(`0x${to}`)));
  }

  translate(text: string): string {
    let translated = text;
    for (const [from, to] of this.ids) translated = translated.replaceAll(from, to);
    return translated;
  }
}

function hexOf(decimal: string | undefined): string | undefined {
  return decimal === undefined ? undefined : BigInt(decimal).toString(16);
}

/** Of a minute, some seconds are left: how many is chance. So is the order in which etcd names the keys of a lease. */
function withoutChance(text: string): string {
  return text
    .replace(/keys\(\[(.*)\]\)/, (_, keys: string) => `keys([${keys.split(' ').sort().join(' ')}])`)
    .replace(/"keys":\[(.*)\]\}/, (_, keys: string) => `"keys":[${keys.split(',').sort().join(',')}]}`)
    .replace(/remaining\((60|5\d|4\d)s\)/, 'remaining(most)')
    .replace(/"ttl":(60|5\d|4\d),/, '"ttl":"most",')
    .replace(/"TTL" : (60|5\d|4\d)\n/, '"TTL" : most\n');
}

/** Tables list members by id and are as wide as the ids: a token that gives ids of the recorded order and width. */
function tokenOfSortedIds(ports: readonly number[]): string {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const token = `token-${attempt}`;
    const ids = idsOf(ports, token);
    if (ids.every((id, i) => id.length === 16 && (i === 0 || id > (ids[i - 1] ?? '')))) return token;
  }
  throw new Error('no token gives ids in order');
}

function idsOf(ports: readonly number[], token: string): string[] {
  return [1, 3, 5].map((i) => memberId([`http://127.0.0.1:${ports[i]}`], token).toString(16));
}

/** Replaces recorded ids, in hex and decimal, ports and the term by those of this cluster. */
async function translation(
  endpoint: string,
  ports: readonly number[],
  token: string,
): Promise<(text: string) => string> {
  const client = new TestClient(`http://${endpoint}`);
  const status = await client.call('etcdserverpb.Maintenance/Status', {});
  client.close();
  if (!status.ok) throw new Error(status.message);
  const header = status.answer['header'] as { cluster_id: string; raft_term: string };
  const pairs = new Map<string, string>();
  const pairIds = (recorded: string, own: string): void => {
    pairs.set(recorded, own);
    pairs.set(BigInt(`0x${recorded}`).toString(), BigInt(`0x${own}`).toString());
  };
  pairIds(recordedClusterId, BigInt(header.cluster_id).toString(16));
  for (const [i, id] of idsOf(ports, token).entries()) pairIds(recordedIds[i] ?? '', id);
  for (const [i, port] of ports.entries()) pairs.set(String(recordedPorts[i]), String(port));
  const pattern = new RegExp([...pairs.keys()].join('|'), 'g');
  return (text) =>
    text
      .replace(pattern, (match) => pairs.get(match) ?? match)
      .replace(/"raft_term":\d+/g, `"raft_term":${header.raft_term}`)
      .replace(/"RaftTerm" : \d+/g, `"RaftTerm" : ${header.raft_term}`);
}

/** The recording writes long input as "x*length". */
function expandInput(stdin: string | null): string | null {
  const run = /^x\*(\d+)$/.exec(stdin ?? '');
  return run === null ? stdin : 'x'.repeat(Number(run[1]));
}

function withoutLog(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => !line.startsWith('{"level"'))
    .join('\n');
}

function runWithInput(program: string, args: readonly string[], stdin: string | null): Promise<Run> {
  return new Promise((done) => {
    const env = { PATH: process.env['PATH'] ?? '', ETCDCTL_API: program === debianEtcdctl() ? '3' : '' };
    const child = spawn(program, [...args], { stdio: 'pipe', env, timeout: 20_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
    });
    child.stdin.on('error', () => {}); // a program that refuses its arguments does not read
    child.stdin.end(stdin ?? '');
    child.on('close', (code) => done({ code: code ?? -1, stdout, stderr }));
  });
}
