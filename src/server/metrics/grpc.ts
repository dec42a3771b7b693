/** The grpc_server_* metrics of go-grpc-prometheus, which etcd's dashboards divide requests and errors by. */
import type { Counter, Histogram, Registry } from './registry.ts';

/** Names of gRPC codes as these metrics spell them, by number. */
const codeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;

type StreamType = 'unary' | 'bidi_stream' | 'server_stream';

interface Method {
  readonly service: string;
  readonly name: string;
  readonly type: StreamType;
}

/** Printed at zero before their first call. Lock and Election are not: etcd registers them too late for that. */
const announced: readonly Method[] = [
  ...unary('etcdserverpb.KV', 'Compact DeleteRange Put Range Txn'),
  { service: 'etcdserverpb.Watch', name: 'Watch', type: 'bidi_stream' },
  ...unary('etcdserverpb.Lease', 'LeaseGrant LeaseLeases LeaseRevoke LeaseTimeToLive'),
  { service: 'etcdserverpb.Lease', name: 'LeaseKeepAlive', type: 'bidi_stream' },
  ...unary('etcdserverpb.Cluster', 'MemberAdd MemberList MemberPromote MemberRemove MemberUpdate'),
  ...unary('etcdserverpb.Maintenance', 'Alarm Defragment Downgrade Hash HashKV MoveLeader Status'),
  { service: 'etcdserverpb.Maintenance', name: 'Snapshot', type: 'server_stream' },
  ...unary('etcdserverpb.Auth', 'AuthDisable AuthEnable AuthStatus Authenticate'),
  ...unary('etcdserverpb.Auth', 'RoleAdd RoleDelete RoleGet RoleGrantPermission RoleList RoleRevokePermission'),
  ...unary('etcdserverpb.Auth', 'UserAdd UserChangePassword UserDelete UserGet UserGrantRole UserList UserRevokeRole'),
  ...unary('grpc.health.v1.Health', 'Check'),
  { service: 'grpc.health.v1.Health', name: 'Watch', type: 'server_stream' },
];

const onUse: readonly Method[] = [
  ...unary('v3electionpb.Election', 'Campaign Leader Proclaim Resign'),
  { service: 'v3electionpb.Election', name: 'Observe', type: 'server_stream' },
  ...unary('v3lockpb.Lock', 'Lock Unlock'),
];

function unary(service: string, names: string): Method[] {
  return names.split(' ').map((name) => ({ service, name, type: 'unary' as const }));
}

/** The handles of one method: look them up once per call, or keep them. */
export interface GrpcMethodMetrics {
  readonly started: Counter;
  readonly received: Counter;
  readonly sent: Counter;
  /** Completed calls with this gRPC code (0 to 16). */
  handled(code: number): Counter;
  /** Seconds from start to end; null unless --metrics=extensive. */
  readonly handlingSeconds: Histogram | null;
}

export interface GrpcMetrics {
  /** By path, such as "/etcdserverpb.KV/Put"; null for methods that etcd does not have, which it does not count. */
  method(path: string): GrpcMethodMetrics | null;
}

/** `extensive` adds the latency histograms. */
export function registerGrpcMetrics(registry: Registry, mode: 'basic' | 'extensive'): GrpcMetrics {
  const names = ['grpc_type', 'grpc_service', 'grpc_method'];
  const started = registry.counters('grpc_server_started_total', 'Total number of RPCs started on the server.', names);
  const received = registry.counters(
    'grpc_server_msg_received_total',
    'Total number of RPC stream messages received on the server.',
    names,
  );
  const sent = registry.counters(
    'grpc_server_msg_sent_total',
    'Total number of gRPC stream messages sent by the server.',
    names,
  );
  const handled = registry.counters(
    'grpc_server_handled_total',
    'Total number of RPCs completed on the server, regardless of success or failure.',
    [...names, 'grpc_code'],
  );
  const handling =
    mode === 'basic'
      ? null
      : registry.histograms(
          'grpc_server_handling_seconds',
          'Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.',
          names,
          [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        );

  const known = new Map([...announced, ...onUse].map((method) => [`/${method.service}/${method.name}`, method]));
  const used = new Map<string, GrpcMethodMetrics>();
  const make = (method: Method): GrpcMethodMetrics => {
    const labels = [method.type, method.service, method.name];
    const byCode: Counter[] = [];
    return {
      started: started.labels(...labels),
      received: received.labels(...labels),
      sent: sent.labels(...labels),
      handlingSeconds: handling === null ? null : handling.labels(...labels),
      handled(code) {
        byCode[code] ??= handled.labels(...labels, codeNames[code] ?? 'Unknown');
        return byCode[code];
      },
    };
  };
  const metrics: GrpcMetrics = {
    method(path) {
      const found = used.get(path);
      if (found !== undefined) return found;
      const method = known.get(path);
      if (method === undefined) return null;
      const made = make(method);
      used.set(path, made);
      return made;
    },
  };
  // Some 700 zeros, made at the first scrape rather than at start.
  let isAnnounced = false;
  registry.beforeScrape(() => {
    if (isAnnounced) return;
    isAnnounced = true;
    for (const { service, name } of announced) {
      const handles = metrics.method(`/${service}/${name}`);
      for (const code of codeNames.keys()) handles?.handled(code);
    }
  });
  return metrics;
}
