import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gateStates } from '../../../src/server/config/feature-gates.ts';
import { expose, formatFloat } from '../../../src/server/metrics/exposition.ts';
import { childrenMax, exponentialBounds, Registry } from '../../../src/server/metrics/registry.ts';
import { createMetrics } from '../../../src/server/metrics/scrape.ts';

function testdata(name: string): string {
  return readFileSync(new URL(`../../testdata/metrics/${name}`, import.meta.url), 'utf8');
}

interface Family {
  readonly type: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly string[];
}

const recorded: Readonly<Record<string, Family>> = JSON.parse(testdata('etcd-3.6.5.json'));

/** Families that print nothing until their first use: their labels are not known before. */
const onFirstUse = [
  'etcd_cluster_version',
  'etcd_debugging_server_alarms',
  'etcd_debugging_store_reads_total',
  'etcd_debugging_store_writes_total',
  'etcd_network_active_peers',
  'etcd_network_known_peers',
  'etcd_network_peer_received_bytes_total',
  'etcd_network_peer_round_trip_time_seconds',
  'etcd_network_peer_sent_bytes_total',
  'etcd_server_apply_duration_seconds',
  'etcd_server_client_requests_total',
  'etcd_server_go_version',
  'etcd_server_healthcheck',
  'etcd_server_healthchecks_total',
  'etcd_server_id',
  'etcd_server_range_duration_seconds',
  'etcd_server_version',
];

/** Families of etcd that this member does not have. */
const missing: readonly string[] = [];

function newMetrics(mode: 'basic' | 'extensive' = 'basic') {
  return createMetrics({ mode, features: gateStates(new Map()) });
}

function bucketsOf(text: string, name: string): string[] {
  const all = [...text.matchAll(new RegExp(`^${name}_bucket\\{.*le="([^"]+)"\\}`, 'gm'))].map(
    (match) => match[1] ?? '',
  );
  return [...new Set(all)];
}

describe('the families of etcd 3.6.5', () => {
  test('are all there, with type, labels, buckets and help text', () => {
    const metrics = newMetrics();
    const families = new Map(metrics.registry.scrape().map((family) => [family.name, family]));
    expect(Object.keys(recorded).filter((name) => !families.has(name))).toEqual(missing);
    for (const [name, { type, labels }] of Object.entries(recorded)) {
      const family = families.get(name);
      expect([name, family?.type, [...(family?.labelNames ?? [])].sort()]).toEqual([name, type, labels]);
    }
    const helps = testdata('help-3.6.5.txt').trim().split('\n');
    const ours = new Set([...families.values()].map((family) => `# HELP ${family.name} ${family.help}`));
    expect(helps.filter((help) => !ours.has(help))).toEqual([]);
  });

  test('print from the start, except those whose labels come with use', () => {
    const text = newMetrics().scrape();
    const silent = Object.keys(recorded).filter((name) => !text.includes(`# TYPE ${name} `));
    expect(silent).toEqual(onFirstUse);
  });

  test('have the buckets that dashboards compute with', () => {
    const metrics = newMetrics();
    metrics.member.server.applyDurationSeconds.labels('v3', 'Put', 'true').observe(0.0003);
    metrics.member.server.rangeDurationSeconds.labels('true').observe(0);
    metrics.member.network.peerRoundTripTimeSeconds.labels('1').observe(9);
    const text = metrics.scrape();
    for (const [name, { buckets }] of Object.entries(recorded)) {
      if (buckets !== undefined) expect([name, bucketsOf(text, name)]).toEqual([name, buckets]);
    }
  });

  test('count every gRPC method and code from zero', () => {
    const metrics = newMetrics();
    const put = metrics.grpc.method('/etcdserverpb.KV/Put');
    put?.started.inc();
    put?.handled(8).inc();
    const text = metrics.scrape();
    const labels = 'grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"';
    expect(text).toContain(`grpc_server_started_total{${labels}} 1\n`);
    expect(text).toContain(`grpc_server_handled_total{grpc_code="ResourceExhausted",${labels}} 1\n`);
    expect(text).toContain(`grpc_server_handled_total{grpc_code="OK",${labels}} 0\n`);
    expect(text).not.toContain('v3lockpb.Lock');
    expect(text).not.toContain('grpc_server_handling_seconds');
    expect(metrics.grpc.method('/v3lockpb.Lock/Lock')).not.toBe(null);
    expect(metrics.grpc.method('/no.Such/Method')).toBe(null);
    expect(newMetrics('extensive').scrape()).toContain('grpc_server_handling_seconds_bucket');
  });

  test('say what runs', () => {
    const text = newMetrics().scrape();
    expect(text).toContain('etcd_server_feature_enabled{name="TxnModeWriteWithSharedBuffer",stage="BETA"} 1\n');
    expect(text).toContain(`go_info{version="${process.version}"} 1\n`);
    expect(Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(1e6);
    expect(Number(/^os_fd_used (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(3);
    expect(Number(/^process_open_fds (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(3);
  });

  test('count the scrapes themselves', () => {
    const metrics = newMetrics();
    metrics.scrape();
    const text = metrics.scrape();
    expect(text).toContain('promhttp_metric_handler_requests_in_flight 1\n');
    expect(text).toContain('promhttp_metric_handler_requests_total{code="200"} 1\n');
  });
});

describe('the text format', () => {
  test('sorts families, label names and label values, and escapes', () => {
    const registry = new Registry();
    const peers = registry.counters('b_total', 'Counts\nwith \\.', ['To', 'From']);
    peers.labels('2', 'x').add(3);
    peers.labels('1', 'y"\\\n').inc();
    peers.labels('1', 'x').inc();
    registry.gauge('a', 'First.').set(2.5);
    expect(expose(registry)).toBe(
      [
        '# HELP a First.',
        '# TYPE a gauge',
        'a 2.5',
        '# HELP b_total Counts\\nwith \\\\.',
        '# TYPE b_total counter',
        'b_total{From="x",To="1"} 1',
        'b_total{From="x",To="2"} 3',
        'b_total{From="y\\"\\\\\\n",To="1"} 1',
        '',
      ].join('\n'),
    );
    peers.labels('0', 'x').inc();
    expect(expose(registry)).toContain('b_total{From="x",To="0"} 1\n');
    peers.clear();
    expect(expose(registry)).not.toContain('b_total');
  });

  test('histograms are cumulative, and a bound belongs to its bucket', () => {
    const registry = new Registry();
    const histogram = registry.histogram('h', 'H.', [0.5, 1]);
    for (const value of [0.5, 0.75, 2, 0.1]) histogram.observe(value);
    const lines = expose(registry).trim().split('\n').slice(2);
    expect(lines).toEqual([
      'h_bucket{le="0.5"} 2',
      'h_bucket{le="1"} 3',
      'h_bucket{le="+Inf"} 4',
      'h_sum 3.35',
      'h_count 4',
    ]);
  });

  test('readings are taken at every scrape, after the refreshers', () => {
    const registry = new Registry();
    let value = 0;
    registry.reading('r', 'R.', 'gauge', () => value);
    registry.beforeScrape(() => {
      value += 1;
    });
    expect(expose(registry)).toContain('\nr 1\n');
    expect(expose(registry)).toContain('\nr 2\n');
  });

  test.each([
    [0, '0'],
    [-0, '-0'],
    [524288, '524288'],
    [999999, '999999'],
    [1e6, '1e+06'],
    [1048576, '1.048576e+06'],
    [2147483648, '2.147483648e+09'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [0.000025, '2.5e-05'],
    [0.00042899999999999997, '0.00042899999999999997'],
    [123456.789, '123456.789'],
    [2 ** 64, '1.8446744073709552e+19'],
    [1e100, '1e+100'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ])('%d is printed as by Go', (value, text) => {
    expect(formatFloat(value)).toBe(text);
  });

  test('a printed number reads back as itself', () => {
    void fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        expect(Number(formatFloat(value).replace('Inf', 'Infinity'))).toBe(value);
      }),
    );
  });
});

describe('the registry', () => {
  test('gives the same metric for the same labels', () => {
    const family = new Registry().gauges('g', 'G.', ['a', 'b']);
    expect(family.labels('1', '2')).toBe(family.labels('1', '2'));
    expect(family.labels('1', '2')).not.toBe(family.labels('2', '1'));
  });

  test('refuses a name twice, and more label combinations than its limit', () => {
    const registry = new Registry();
    const family = registry.counters('c', 'C.', ['a']);
    expect(() => registry.gauge('c', 'C.')).toThrow('registered once');
    for (let i = 0; i < childrenMax; i++) family.labels(String(i));
    expect(() => family.labels('one more')).toThrow('label combinations');
    expect(() => family.labels('a', 'b')).toThrow('has 1 labels');
  });

  test('bounds grow by a factor', () => {
    expect(exponentialBounds(0.001, 2, 3)).toEqual([0.001, 0.002, 0.004]);
  });
});
