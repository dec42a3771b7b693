import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpOptions, httpHandler, metricsHandler } from '../../../src/server/gateway/http.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import { silentLogger } from '../../support/silent-logger.ts';

type State = 'healthy' | 'NOSPACE' | 'CORRUPT' | 'noLeader';

interface Golden {
  readonly state: State;
  readonly method: string;
  readonly path: string;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: varies. */
  readonly body: string | null;
}

const goldens: readonly Golden[] = JSON.parse(
  readFileSync(new URL('../../testdata/etcd/http-s36.json', import.meta.url), 'utf8'),
);

/** A member in one state; reads fail at once where a real one takes seconds. */
function member(state: State): HttpOptions['member'] {
  const alarm = { NOSPACE: 1, CORRUPT: 2, healthy: null, noLeader: null }[state];
  return {
    memberId: 5n,
    alarms: () => (alarm === null ? [] : [{ memberId: 5n, alarm }]),
    leaderId: () => (state === 'noLeader' ? 0n : 5n),
    isLearner: () => false,
    linearizableRead: (done) => done(state === 'noLeader' ? rpcErrors.timeout : null),
    clusterVersion: () => '3.6.0',
    storageVersion: () => '3.6.0',
    raftTerm: () => 2,
    committedIndex: () => 10,
    appliedIndex: () => 10,
  };
}

function options(state: State, rest: Partial<HttpOptions> = {}): HttpOptions {
  return {
    member: member(state),
    serverVersion: '3.6.5',
    access: { hostWhitelist: ['*'], corsOrigins: ['*'] },
    gateway: true,
    metrics: () => 'etcd_server_has_leader 1\n',
    counters: { logger: silentLogger, health: () => {}, check: () => {} },
    ...rest,
  };
}

let current: (...args: Parameters<ReturnType<typeof httpHandler>>) => void = () => {};
let server: Server;

beforeAll(async () => {
  server = createServer((question, answer) => current(question, answer));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
});
afterAll(() => new Promise((closed) => server.close(closed)));

interface Seen {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function ask(path: string, method = 'GET', headers: Readonly<Record<string, string>> = {}): Promise<Seen> {
  const { port } = server.address() as AddressInfo;
  return new Promise((done, fail) => {
    const call = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { date, connection, 'keep-alive': keepAlive, ...rest } = response.headers;
        done({ status: response.statusCode ?? 0, headers: rest, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    call.on('error', fail);
    call.end();
  });
}

/** The checks of /readyz come in random order from etcd. */
function sortedLines(body: string): string[] {
  return body.split('\n').sort();
}

describe('the HTTP endpoints answer as etcd 3.6.5 did', () => {
  for (const [index, golden] of goldens.entries()) {
    const title = `${index} ${golden.method} ${golden.path} (${golden.state})`;
    it(title, async () => {
      current = httpHandler(options(golden.state));
      const seen = await ask(golden.path, golden.method, golden.requestHeaders);
      expect(seen.status).toBe(golden.status);
      if (golden.body === null) delete seen.headers['content-length'];
      expect(seen.headers).toEqual(golden.headers);
      if (golden.body !== null) expect(sortedLines(seen.body)).toEqual(sortedLines(golden.body));
    });
  }
});

describe('health endpoints', () => {
  it('report a failed check by itself, and count every outcome', async () => {
    const counted: string[] = [];
    const lines: string[] = [];
    const note = (message: string, fields: object = {}) => lines.push(`${message} ${JSON.stringify(fields)}`);
    const counters = {
      logger: { ...silentLogger, warn: note, error: note },
      health: (healthy: boolean) => counted.push(`health ${healthy}`),
      check: (type: string, name: string, healthy: boolean) => counted.push(`${type} ${name} ${healthy}`),
    };
    current = httpHandler(options('noLeader', { counters }));
    expect(await ask('/readyz/linearizable_read')).toMatchObject({
      status: 503,
      body: '[-]linearizable_read failed: etcdserver: request timed out\n\n',
    });
    expect((await ask('/livez/serializable_read')).body).toBe('ok\n');
    expect((await ask('/health')).status).toBe(503);
    expect(counted).toEqual(['readyz linearizable_read false', 'livez serializable_read true', 'health false']);
    const reason = '[-]linearizable_read failed: etcdserver: request timed out\n';
    const output = '{"health":"false","reason":"RAFT NO LEADER"}';
    expect(lines).toEqual([
      `Health check error ${JSON.stringify({ path: '/readyz/linearizable_read', reason, 'status-code': 503 })}`,
      'serving /health false; no leader {}',
      `/health error ${JSON.stringify({ output, 'status-code': 503 })}`,
    ]);
  });

  it('a learner is alive but not ready', async () => {
    current = httpHandler(options('healthy', { member: { ...member('healthy'), isLearner: () => true } }));
    expect((await ask('/livez')).status).toBe(200);
    expect((await ask('/readyz/non_learner')).body).toBe('[-]non_learner failed: not supported for learner\n\n');
  });

  it('a failed read names the error', async () => {
    const failing = { ...member('healthy'), linearizableRead: member('noLeader').linearizableRead };
    current = httpHandler(options('healthy', { member: failing }));
    expect((await ask('/health')).body).toBe(
      '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}\n',
    );
  });

  it('refuse other methods, HEAD included', async () => {
    current = httpHandler(options('healthy'));
    for (const path of ['/health', '/readyz', '/livez/serializable_read'])
      expect(await ask(path, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET' } });
  });
});

describe('the other endpoints', () => {
  it('/version before the cluster has decided', async () => {
    const undecided = { ...member('healthy'), clusterVersion: () => null, storageVersion: () => '' };
    current = httpHandler(options('healthy', { member: undecided }));
    expect(JSON.parse((await ask('/version')).body)).toEqual({
      etcdserver: '3.6.5',
      etcdcluster: 'not_decided',
      storage: 'unknown',
    });
  });

  it('/metrics has the media type that scrapers negotiate with etcd', async () => {
    current = httpHandler(options('healthy'));
    const seen = await ask('/metrics');
    expect(seen.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8; escaping=underscores');
    expect(seen.body).toBe('etcd_server_has_leader 1\n');
  });

  it('/debug/vars is JSON with the state of Raft', async () => {
    current = httpHandler(options('healthy'));
    expect(JSON.parse((await ask('/debug/vars')).body)['raft.status']).toMatchObject({ lead: '5', term: 2 });
  });

  it('the JSON gateway says that it is not served; without it /v3 is nothing', async () => {
    current = httpHandler(options('healthy'));
    for (const path of ['/v3/kv/put', '/v3beta/kv/put']) {
      const seen = await ask(path, 'POST');
      expect(seen.status).toBe(501);
      expect(JSON.parse(seen.body)).toMatchObject({ code: 12 });
    }
    current = httpHandler(options('healthy', { gateway: false }));
    expect((await ask('/v3/kv/put', 'POST')).status).toBe(404);
  });

  it('a malformed path is refused', async () => {
    current = httpHandler(options('healthy'));
    expect((await ask('/%zz')).status).toBe(400);
  });

  it('a metrics URL serves monitoring only, without CORS', async () => {
    current = metricsHandler(options('healthy'));
    expect((await ask('/metrics')).status).toBe(200);
    expect((await ask('/version')).status).toBe(404);
    expect((await ask('/health')).headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('access', () => {
  it('a host that is not whitelisted is turned away with advice', async () => {
    const access = { hostWhitelist: ['127.0.0.1'], corsOrigins: ['*'] };
    current = httpHandler(options('healthy', { access }));
    expect((await ask('/health')).status).toBe(200);
    const refused = await ask('/health', 'GET', { Host: 'evil.example:2379' });
    expect(refused.status).toBe(421);
    expect(refused.body).toContain('etcd --host-whitelist "evil.example"');
  });

  it('only listed origins get CORS headers', async () => {
    const access = { hostWhitelist: [], corsOrigins: ['http://good.example'] };
    current = httpHandler(options('healthy', { access }));
    const good = await ask('/version', 'GET', { Origin: 'http://good.example' });
    expect(good.headers['access-control-allow-origin']).toBe('http://good.example');
    const other = await ask('/version', 'GET', { Origin: 'http://other.example' });
    expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  });
});

describe('the HTTP/1.1 of Go', () => {
  it('answers a request that names the whole URL, as for a proxy', async () => {
    current = httpHandler(options('healthy'));
    expect((await ask('http://elsewhere/version')).status).toBe(200);
    expect((await ask('http://elsewhere')).status).toBe(404);
  });

  it('does not say that HTTP/1.1 connections are kept', async () => {
    current = httpHandler(options('healthy'));
    const { port } = server.address() as AddressInfo;
    const asked = (connection: string) =>
      new Promise<string | undefined>((done, fail) => {
        request({ host: '127.0.0.1', port, path: '/version', headers: { connection } }, (response) => {
          response.resume();
          done(response.headers.connection);
        })
          .once('error', fail)
          .end();
      });
    expect(await asked('keep-alive')).toBeUndefined();
    expect(await asked('close')).toBe('close');
  });
});
