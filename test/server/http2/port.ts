/** A client port for tests: a few methods that answer in their own ways, on a free port of the loopback. */
import { afterEach } from 'vitest';
import { type ClientPort, createClientPort } from '../../../src/server/grpc/client-port.ts';
import {
  GrpcServer,
  type GrpcServerChoices,
  type StreamCall,
  type UnaryCall,
} from '../../../src/server/grpc/server.ts';
import { rpcErrors } from '../../../src/server/grpc/status.ts';
import type { ConnectionOptions } from '../../../src/server/http2/connection.ts';
import type { ConnectionError } from '../../../src/server/http2/frame.ts';

export interface TestPort {
  readonly client: ClientPort;
  readonly grpc: GrpcServer;
  readonly port: number;
  /** Unary calls of /t.T/Hold that wait for the test to answer. */
  readonly held: UnaryCall[];
  /** Stream calls of /t.T/Stream. */
  readonly streams: StreamCall[];
  readonly failures: ConnectionError[];
}

const open: ClientPort[] = [];

afterEach(async () => {
  for (const client of open.splice(0)) await client.close(0);
});

export async function startPort(
  connection: Partial<ConnectionOptions> = {},
  options: GrpcServerChoices = {},
): Promise<TestPort> {
  const lenientPings = { minTimeMs: 0, permitWithoutStream: true };
  const grpc = new GrpcServer({
    connection: { pings: lenientPings, ...connection },
    ...options,
  });
  const held: UnaryCall[] = [];
  const streams: StreamCall[] = [];
  const failures: ConnectionError[] = [];
  grpc.addUnary('/t.T/Echo', (request, call) => call.respond(Buffer.from(request)));
  grpc.addUnary('/t.T/Length', (request, call) => call.respond(Buffer.from(String(request.length))));
  /** Answers with as many bytes as the request's text says. */
  grpc.addUnary('/t.T/Bytes', (request, call) =>
    call.respond(Buffer.alloc(Number(Buffer.from(request).toString()), 0x61)),
  );
  grpc.addUnary('/t.T/Fail', (_request, call) => call.fail(rpcErrors.noSpace));
  grpc.addUnary('/t.T/Hold', (_request, call) => {
    held.push(call);
  });
  grpc.addStream('/t.T/Stream', (call) => {
    streams.push(call);
  });
  grpc.addStream('/t.T/EchoStream', (call) => {
    call.onMessage((message) => {
      call.write(Buffer.from(message));
    });
    call.onHalfClose(() => call.end());
  });
  const client = createClientPort({
    grpc,
    http1: (request, response) => {
      response.setHeader('x-path', request.url ?? '');
      request.pipe(response);
    },
    hooks: { connectionFailed: (_remote, error) => failures.push(error) },
  });
  open.push(client);
  const { port } = await client.listen('127.0.0.1', 0);
  return { client, grpc, port, held, streams, failures };
}

/** Waits for a condition that the event loop will bring about. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
