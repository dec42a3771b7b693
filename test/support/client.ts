/** A plain etcd v3 client for tests, made of grpc-js and the schemas: an implementation that shares nothing with the member's. */
import { join } from 'node:path';
import {
  type ChannelCredentials,
  type ChannelOptions,
  type Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protoFolder = join(import.meta.dirname ?? '.', '../testdata/proto');
const definition = loadSync(['etcdserverpb/rpc.proto', 'grpc_health_v1/health.proto'], {
  includeDirs: [protoFolder],
  keepCase: true,
  longs: String,
  enums: String,
  bytes: Buffer,
  defaults: true,
});
const loaded = loadPackageDefinition(definition);

type Answer = Readonly<Record<string, unknown>>;

/** What a call gives: the answer, or the code and the text of its failure. */
export type Outcome =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly code: number; readonly message: string };

/** Members come and go here: no connection state shared between clients, and quick attempts to connect again. */
const channelOptions: ChannelOptions = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 20,
  'grpc.max_reconnect_backoff_ms': 100,
};

interface ServiceConstructor {
  new (address: string, security: ChannelCredentials, options: ChannelOptions): Client;
}

function serviceOf(name: string): ServiceConstructor {
  let at: unknown = loaded;
  for (const part of name.split('.')) at = (at as Record<string, unknown>)[part];
  if (typeof at !== 'function') throw new Error(`no service ${name}`);
  return at as unknown as ServiceConstructor;
}

export class TestClient {
  private readonly address: string;
  private readonly services = new Map<string, Client>();

  /** `url` is a client URL, http://host:port. */
  constructor(url: string) {
    this.address = new URL(url).host;
  }

  /** Calls "package.Service/Method"; never rejects. The deadline is 10 s if not given. */
  call(
    method: string,
    request: object,
    options: { deadlineMs?: number; metadata?: Record<string, string>; waitForReady?: boolean } = {},
  ): Promise<Outcome> {
    const { client, rpc } = this.prepare(method);
    const metadata = new Metadata({ waitForReady: options.waitForReady ?? false });
    for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
    return new Promise((done) => {
      const finish = (error: ServiceError | null, answer: Answer) =>
        done(error === null ? { ok: true, answer } : { ok: false, code: error.code, message: error.details });
      Reflect.apply(rpc, client, [
        request,
        metadata,
        { deadline: Date.now() + (options.deadlineMs ?? 10_000) },
        finish,
      ]);
    });
  }

  /** Sends one request over a method with streams both ways; gives the first answer, then ends it. Never rejects. */
  exchange(method: string, request: object, deadlineMs = 10_000): Promise<Outcome> {
    const { client, rpc } = this.prepare(method);
    const stream = Reflect.apply(rpc, client, [new Metadata(), { deadline: Date.now() + deadlineMs }]);
    return new Promise((done) => {
      stream.on('error', ({ code, details: message }: ServiceError) => done({ ok: false, code, message }));
      stream.on('data', (answer: Answer) => {
        done({ ok: true, answer });
        stream.end();
      });
      stream.write(request);
    });
  }

  private prepare(method: string) {
    const [serviceName = '', methodName = ''] = method.split('/');
    let client = this.services.get(serviceName);
    if (client === undefined) {
      client = new (serviceOf(serviceName))(this.address, credentials.createInsecure(), channelOptions);
      this.services.set(serviceName, client);
    }
    const rpc: unknown = Reflect.get(client, methodName);
    if (typeof rpc !== 'function') throw new Error(`no method ${method}`);
    return { client, rpc };
  }

  put(key: string, value: string, deadlineMs?: number): Promise<Outcome> {
    const request = { key: Buffer.from(key), value: Buffer.from(value) };
    return this.call('etcdserverpb.KV/Put', request, deadlineMs === undefined ? {} : { deadlineMs });
  }

  get(key: string, serializable = false): Promise<Outcome> {
    return this.call('etcdserverpb.KV/Range', { key: Buffer.from(key), serializable }, { waitForReady: true });
  }

  close(): void {
    for (const client of this.services.values()) client.close();
    this.services.clear();
  }
}
