/** Everything GET /metrics prints, put together. */
import { expose } from './exposition.ts';
import { type GrpcMetrics, registerGrpcMetrics } from './grpc.ts';
import { type MemberMetrics, registerMemberMetrics } from './member.ts';
import { registerProcessMetrics } from './process.ts';
import { Registry } from './registry.ts';
import { registerRuntimeMetrics } from './runtime.ts';

export interface AllMetrics {
  readonly registry: Registry;
  readonly member: MemberMetrics;
  readonly grpc: GrpcMetrics;
  /** The body of GET /metrics; counts itself as answered. */
  scrape(): string;
}

export interface MetricsOptions {
  /** --metrics. */
  readonly mode: 'basic' | 'extensive';
  /** For etcd_server_feature_enabled: every feature gate. */
  readonly features: readonly { readonly name: string; readonly stage: string; readonly enabled: boolean }[];
}

/** All metrics of one process, at zero: their subsystems move them. Listens to the garbage collector from now on. */
export function createMetrics(options: MetricsOptions): AllMetrics {
  const registry = new Registry();
  const member = registerMemberMetrics(registry);
  const grpc = registerGrpcMetrics(registry, options.mode);
  const { threads } = registerProcessMetrics(registry);
  registerRuntimeMetrics(registry, threads);
  for (const { name, stage, enabled } of options.features) {
    member.server.featureEnabled.labels(name, stage).set(enabled ? 1 : 0);
  }

  const inFlight = registry.gauge(
    'promhttp_metric_handler_requests_in_flight',
    'Current number of scrapes being served.',
  );
  const requests = registry.counters(
    'promhttp_metric_handler_requests_total',
    'Total number of scrapes by HTTP status code.',
    ['code'],
  );
  for (const code of ['200', '500', '503']) requests.labels(code);
  const scrape = (): string => {
    inFlight.add(1);
    const text = expose(registry);
    inFlight.add(-1);
    requests.labels('200').inc();
    return text;
  };
  return { registry, member, grpc, scrape };
}
