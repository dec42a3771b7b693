/** Everything GET /metrics prints, put together. */
import { featureGates, gateEnabled, type SetGates } from '../config/feature-gates.ts';
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
  readonly featureGates: SetGates;
  /** The version that etcd_server_version states. */
  readonly version: string;
}

/** All metrics of one process. The member sets server.id, server.clusterVersion and everything that changes. */
export function createMetrics(options: MetricsOptions): AllMetrics {
  const registry = new Registry();
  const member = registerMemberMetrics(registry);
  const grpc = registerGrpcMetrics(registry, options.mode);
  const { threads } = registerProcessMetrics(registry);
  registerRuntimeMetrics(registry, threads);

  member.server.version.labels(options.version).set(1);
  member.server.goVersion.labels(process.version).set(1);
  for (const [name, { stage }] of Object.entries(featureGates)) {
    const gate = name as keyof typeof featureGates; // Object.entries forgets the keys' type
    member.server.featureEnabled.labels(name, stage).set(gateEnabled(options.featureGates, gate) ? 1 : 0);
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
