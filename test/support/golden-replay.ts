/**
 * Replays the recorded gRPC calls of a probe that ran against etcd 3.6.5 (testdata/etcd/grpc-s36.json), one after another, and
 * lists every answer that differs. Ids, URLs and the term differ from cluster to cluster and are translated; sizes of files
 * and checksums over them are only looked at for being there. Calls of services that are not replayed carry the reason.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

export interface GoldenCall {
  /** Place in the recording. */
  readonly n: number;
  readonly rpc: string;
  /** Why the call is not replayed. */
  readonly skip?: string;
  /** Why the call is made though it is not in the recording: it leads to the same revisions. */
  readonly standIn?: string;
  readonly member?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly req?: unknown;
  /** Of a call with streams: what is sent, each after the answer to the one before, and what comes back. */
  readonly reqs?: readonly unknown[];
  readonly out?: readonly Plain[];
  readonly resp?: Plain;
  readonly code?: number;
  readonly message?: string;
}

type Plain = { readonly [name: string]: unknown };

export interface Difference {
  readonly n: number;
  readonly rpc: string;
  readonly expected: unknown;
  readonly seen: unknown;
}

export interface ReplayTarget {
  /** host:port of each member's client port, by name; infra1 at least. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Calls to leave out, with the reason why this target cannot answer them. */
  readonly except?: ReadonlyMap<number, string>;
}

export const goldenCalls: readonly GoldenCall[] = JSON.parse(
  readFileSync(new URL('../testdata/etcd/grpc-s36.json', import.meta.url), 'utf8'),
);

/**
 * HashKV at revision 29 after the calls before it, as etcd 3.6.5 answers it. (The recording has 886071230, after writes whose values were not
 * recorded.)
 */
const hashAfterReplay = 1868992940;

const recordedMembers = new Map([
  ['infra1', { id: '9372538179322589801', peerUrl: 'http://127.0.0.1:12380', clientUrl: 'http://127.0.0.1:12379' }],
  ['infra2', { id: '10501334649042878790', peerUrl: 'http://127.0.0.1:22380', clientUrl: 'http://127.0.0.1:22379' }],
  ['infra3', { id: '18249187646912138824', peerUrl: 'http://127.0.0.1:32380', clientUrl: 'http://127.0.0.1:32379' }],
]);

const definition = loadPackageDefinition(
  loadSync(['etcdserverpb/rpc.proto', 'grpc_health_v1/health.proto'], {
    includeDirs: [new URL('../testdata/proto/', import.meta.url).pathname],
    keepCase: true,
    longs: String,
    enums: String,
    bytes: Buffer,
  }),
);

/** A client of all services of one member. */
class Caller {
  private readonly address: string;
  private readonly clients = new Map<string, Client>();

  constructor(address: string) {
    this.address = address;
  }

  call(rpc: string, request: unknown, metadata: Readonly<Record<string, string>>): Promise<Plain> {
    const { client, rpcMethod, headers } = this.prepare(rpc, metadata);
    return new Promise((done) => {
      const finish = (error: ServiceError | null, answer: unknown): void =>
        done(error === null ? { resp: answer } : { code: error.code, message: error.details });
      Reflect.apply(rpcMethod, client, [request, headers, { deadline: Date.now() + 20_000 }, finish]);
    });
  }

  private prepare(rpc: string, metadata: Readonly<Record<string, string>>) {
    const [service = '', method = ''] = rpc.split('/');
    let client = this.clients.get(service);
    if (client === undefined) {
      const serviceClient = service.split('.').reduce<unknown>((at, part) => (at as Plain)[part], definition);
      // proto-loader gives a constructor for every service of the schemas.
      client = new (serviceClient as new (address: string, security: unknown, options: object) => Client)(
        this.address,
        credentials.createInsecure(),
        { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 },
      );
      this.clients.set(service, client);
    }
    const headers = new Metadata();
    for (const [name, value] of Object.entries(metadata)) headers.set(name, value);
    const rpcMethod: unknown = Reflect.get(client, method);
    if (typeof rpcMethod !== 'function') throw new Error(`no method ${rpc}`);
    return { client, rpcMethod, headers };
  }

  /** Sends each request after the answer to the one before, then ends the stream; gives all answers. */
  exchange(rpc: string, requests: readonly unknown[], metadata: Readonly<Record<string, string>>): Promise<Plain> {
    const { client, rpcMethod, headers } = this.prepare(rpc, metadata);
    // What proto-loader makes of a method whose requests and answers are streams.
    const call = Reflect.apply(rpcMethod, client, [headers, { deadline: Date.now() + 20_000 }]) as ClientDuplexStream<
      unknown,
      Plain
    >;
    return new Promise((done) => {
      const out: Plain[] = [];
      const left = [...requests];
      const next = (): void => {
        const request = left.shift();
        if (request === undefined) call.end();
        else call.write(request);
      };
      call.on('data', (answer: Plain) => {
        out.push(answer);
        next();
      });
      call.on('error', (error: ServiceError) => done({ out, code: error.code, message: error.details }));
      call.on('end', () => done({ out }));
      next();
    });
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }
}

/** Replays all calls that can be; resolves to the differences, none if the target answers as etcd did. */
export async function replayGoldens(target: ReplayTarget): Promise<Difference[]> {
  const callers = new Map(Object.entries(target.addresses).map(([name, address]) => [name, new Caller(address)]));
  try {
    const first = callerOf(callers, 'infra1');
    const texts = new Map<string, string>();
    const translate = await translation(first, texts);
    const differences: Difference[] = [];
    for (const golden of goldenCalls) {
      if (golden.skip !== undefined || target.except?.has(golden.n)) continue;
      const caller = callers.get(golden.member ?? 'infra1');
      if (caller === undefined) continue;
      const metadata = golden.metadata ?? {};
      const ask = (): Promise<Plain> =>
        golden.reqs === undefined
          ? caller.call(golden.rpc, withBytes(translate(golden.req)), metadata)
          : caller.exchange(golden.rpc, golden.reqs.map(translate), metadata);
      const expectsUnhealthy = golden.message === unhealthy;
      if (reconfigures.test(golden.rpc)) await allApplied(callers);
      const answer = await untilConnected(ask, expectsUnhealthy);
      if (golden.rpc === memberAdd) rememberMember(texts, golden.resp, answer['resp']);
      if (golden.rpc === leaseGrant) rememberId(texts, golden.resp, answer['resp']);
      const seen = comparable(golden.rpc, withText(answer) as Plain);
      const { resp, out, code, message } = translate(golden) as GoldenCall;
      const outcome = out !== undefined ? { out } : resp === undefined ? { code, message } : { resp };
      const expected = comparable(golden.rpc, outcome);
      if (!isDeepStrictEqual(seen, expected)) differences.push({ n: golden.n, rpc: golden.rpc, expected, seen });
    }
    return differences;
  } finally {
    for (const caller of callers.values()) caller.close();
  }
}

function callerOf(callers: ReadonlyMap<string, Caller>, name: string): Caller {
  const caller = callers.get(name);
  if (caller === undefined) throw new Error(`no address of ${name}`);
  return caller;
}

interface ListedMember {
  readonly ID: string;
  /** Absent in the recording until the member has published itself. */
  readonly name?: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

const memberAdd = 'etcdserverpb.Cluster/MemberAdd';
const leaseGrant = 'etcdserverpb.Lease/LeaseGrant';
const unhealthy = 'etcdserver: unhealthy cluster';
/** Members count as connected after five seconds. */
const connectedMs = 10_000;

/** Asks again while a cluster that has just been started is not connected for long enough. */
async function untilConnected(ask: () => Promise<Plain>, expectsUnhealthy: boolean): Promise<Plain> {
  const deadline = Date.now() + connectedMs;
  for (;;) {
    const answer = await ask();
    if (answer['message'] !== unhealthy || expectsUnhealthy || Date.now() > deadline) return answer;
    await new Promise((done) => setTimeout(done, 200));
  }
}

/**
 * Raft drops a change of the membership that comes before the leader has applied the one before, as a follower may have already when it
 * answers; whoever waits for it is told of a time-out then, by etcd too.
 */
const reconfigures = /\/Member(?:Add|Remove|Update|Promote)$/;

/** A linearizable read at each: all have applied what was committed until then. */
async function allApplied(callers: ReadonlyMap<string, Caller>): Promise<void> {
  const read = { key: Buffer.from('applied') };
  await Promise.all([...callers.values()].map((caller) => caller.call('etcdserverpb.KV/Range', read, {})));
}

/** A new member's id depends on the time. */
function rememberMember(texts: Map<string, string>, recorded: Plain | undefined, added: unknown): void {
  rememberId(texts, recorded?.['member'] as Plain | undefined, (added as Plain | undefined)?.['member']);
}

/** So does that of a lease for which the server chooses one. */
function rememberId(texts: Map<string, string>, recorded: Plain | undefined, seen: unknown): void {
  const from = recorded?.['ID'];
  const to = (seen as Plain | undefined)?.['ID'];
  if (typeof from === 'string' && typeof to === 'string') texts.set(from, to);
}

/** How to turn what was recorded into what this cluster would say: other ids, URLs, term, and maybe fewer members. */
async function translation(caller: Caller, texts: Map<string, string>): Promise<(recorded: unknown) => unknown> {
  const list = await caller.call('etcdserverpb.Cluster/MemberList', {}, {});
  const resp = list['resp'] as { header: Plain; members: readonly ListedMember[] } | undefined;
  if (resp === undefined) throw new Error(`no members: ${JSON.stringify(list)}`);
  texts.set('17237436991929493444', String(resp.header['cluster_id']));
  const names = new Set(resp.members.map(({ name }) => name));
  for (const { name = '', ID, peerURLs, clientURLs } of resp.members) {
    const recorded = recordedMembers.get(name);
    if (recorded === undefined) throw new Error(`unknown member ${name}`);
    texts.set(recorded.id, ID);
    texts.set(recorded.peerUrl, peerURLs[0] ?? '');
    texts.set(recorded.clientUrl, clientURLs[0] ?? '');
  }
  const term = resp.header['raft_term'];
  const walk = (value: unknown, key = ''): unknown => {
    if (key === 'raft_term' || key === 'raftTerm') return term;
    if (key === 'members')
      return (value as readonly ListedMember[])
        .filter(({ name }) => name === undefined || names.has(name))
        .map((member) => walk(member))
        .sort((a, b) => (BigInt((a as ListedMember).ID) < BigInt((b as ListedMember).ID) ? -1 : 1));
    if (typeof value === 'string') return texts.get(value) ?? value;
    if (Array.isArray(value)) return value.map((item) => walk(item));
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item, name)]));
    return value;
  };
  return (recorded) => walk(recorded);
}

/** Leaves out what no two clusters have in common, and puts our own checksum in place of the recorded one. */
function comparable(rpc: string, answer: Plain): Plain {
  if (rpc.startsWith('etcdserverpb.Lease/')) return comparableLease(rpc, answer);
  const resp = answer['resp'] as Plain | undefined;
  if (resp === undefined) return answer;
  if (rpc.endsWith('/Status'))
    return { resp: { ...resp, ...marks(resp, 'dbSize', 'dbSizeInUse', 'leader', 'raftIndex', 'raftAppliedIndex') } };
  if (rpc.endsWith('/Hash')) return { resp: { ...resp, ...marks(resp, 'hash') } };
  if (resp['hash'] === 886071230) return { resp: { ...resp, hash: hashAfterReplay } };
  return answer;
}

/** Leases that live for two seconds may be gone when the list is asked for. */
const shortLeases: ReadonlySet<unknown> = new Set(['778', '779', '780']);

/**
 * Of leases: the time that is left is what it is; their keys are in no order, and neither are leases anywhere but at the leader. What a
 * follower has applied when it answers is chance.
 */
function comparableLease(rpc: string, answer: Plain): Plain {
  const { resp, out } = answer as { resp?: Plain; out?: readonly Plain[] };
  if (out !== undefined) return { ...answer, out: out.map(withoutRevision) };
  if (resp === undefined) return answer;
  if (rpc.endsWith('/LeaseTimeToLive')) {
    const keys = resp['keys'] === undefined ? {} : { keys: [...(resp['keys'] as readonly unknown[])].sort() };
    const left = Number(resp['TTL']) > 40 ? { TTL: 'much' } : {};
    return { resp: { ...withoutRevision(resp), ...keys, ...left } };
  }
  if (rpc.endsWith('/LeaseLeases')) {
    const ids = (resp['leases'] as readonly Plain[]).map(({ ID }) => ID);
    return { resp: { ...resp, leases: ids.filter((id) => !shortLeases.has(id)).sort() } };
  }
  return answer;
}

function withoutRevision(answer: Plain): Plain {
  const { revision: _, ...header } = answer['header'] as Plain;
  return { ...answer, header };
}

function marks(resp: Plain, ...names: readonly string[]): Plain {
  return Object.fromEntries(names.map((name) => [name, name in resp ? 'present' : 'absent']));
}

/** The recording writes bytes as "b:text" or "hex:…", and runs of one byte as "fill:length". */
function withBytes(value: unknown): unknown {
  if (typeof value === 'string') {
    if (value.startsWith('b:')) return Buffer.from(value.slice(2));
    if (value.startsWith('hex:')) return Buffer.from(value.slice(4), 'hex');
    if (value.startsWith('fill:')) return Buffer.alloc(Number(value.slice(5)), 'x');
    return value;
  }
  if (Array.isArray(value)) return value.map(withBytes);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withBytes(item)]));
  return value;
}

function withText(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `b:${value.toString('utf8')}`;
  if (Array.isArray(value)) return value.map(withText);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withText(item)]));
  return value;
}
