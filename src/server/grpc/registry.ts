/** The methods a server has, and what they have been through: the source of the `grpc_server_*` metrics. */
import { type RpcError, statusCode } from './status.ts';

/** Counters of one method. `handled` is indexed by status code. */
export class MethodCounters {
  started = 0;
  readonly handled: number[] = new Array<number>(17).fill(0);
  messagesReceived = 0;
  messagesSent = 0;
}

export interface Method<Unary, Stream> {
  readonly service: string;
  readonly name: string;
  readonly handler:
    | { readonly type: 'unary'; readonly call: Unary }
    | { readonly type: 'stream'; readonly call: Stream };
  readonly counters: MethodCounters;
}

export class Registry<Unary, Stream> {
  private readonly methods = new Map<string, Method<Unary, Stream>>();
  private readonly services = new Set<string>();

  /** `path`: "/package.Service/Method". */
  add(path: string, handler: Method<Unary, Stream>['handler']): void {
    const { service, name } = splitPath(path);
    this.services.add(service);
    this.methods.set(path, { service, name, handler, counters: new MethodCounters() });
  }

  find(path: string): Method<Unary, Stream> | undefined {
    return this.methods.get(path);
  }

  all(): IterableIterator<Method<Unary, Stream>> {
    return this.methods.values();
  }

  /** Why `find` has found nothing. Texts are grpc-go's. */
  explainMissing(path: string): RpcError {
    const { service, name } = splitPath(path);
    if (name === '') return unimplemented(`malformed method name: ${JSON.stringify(path)}`);
    if (!this.services.has(service)) return unimplemented(`unknown service ${service}`);
    return unimplemented(`unknown method ${name} for service ${service}`);
  }
}

function splitPath(path: string): { readonly service: string; readonly name: string } {
  const bare = path.startsWith('/') ? path.slice(1) : path;
  const slash = bare.lastIndexOf('/');
  return slash < 0 ? { service: bare, name: '' } : { service: bare.slice(0, slash), name: bare.slice(slash + 1) };
}

function unimplemented(message: string): RpcError {
  return { code: statusCode.unimplemented, message };
}
