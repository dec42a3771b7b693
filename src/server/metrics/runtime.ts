/**
 * The go_* metrics that dashboards and suites look for, with what Node.js can say instead: heap, threads, event-loop handles and
 * pauses for garbage collection. What V8 does not tell is 0, and its help text says so.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { Registry, SummaryReading } from './registry.ts';

/** Pauses remembered for the quantiles. */
const pausesMax = 256;

/** Registers the families. `threads` is the number of OS threads of the process. */
export function registerRuntimeMetrics(registry: Registry, threads: () => number): void {
  registry
    .gauges('go_info', 'Information about the runtime, which is Node.js.', ['version'])
    .labels(process.version)
    .set(1);
  registry.summary('go_gc_duration_seconds', 'Pauses for garbage collection in V8.', followPauses());

  const gauge = (name: string, help: string, read: () => number): void => registry.reading(name, help, 'gauge', read);
  gauge(
    'go_goroutines',
    'Active handles and requests of the event loop.',
    () => process.getActiveResourcesInfo().length,
  );
  gauge('go_threads', 'Number of OS threads.', threads);
  gauge('go_sched_gomaxprocs_threads', 'Threads that run JavaScript at once: 1.', () => 1);

  let heap = getHeapStatistics();
  let residentBytes = 0;
  let allocatedBytes = 0;
  registry.beforeScrape(() => {
    const before = heap.used_heap_size;
    heap = getHeapStatistics();
    allocatedBytes += Math.max(0, heap.used_heap_size - before);
    residentBytes = process.memoryUsage.rss();
  });
  gauge('go_gc_gomemlimit_bytes', 'Heap size limit of V8.', () => heap.heap_size_limit);
  gauge('go_memstats_alloc_bytes', 'Heap bytes in use.', () => heap.used_heap_size);
  gauge('go_memstats_heap_alloc_bytes', 'Heap bytes in use.', () => heap.used_heap_size);
  gauge('go_memstats_heap_inuse_bytes', 'Heap bytes in use.', () => heap.used_heap_size);
  gauge('go_memstats_heap_sys_bytes', 'Heap bytes obtained from the system.', () => heap.total_heap_size);
  gauge(
    'go_memstats_heap_idle_bytes',
    'Heap bytes waiting to be used.',
    () => heap.total_heap_size - heap.used_heap_size,
  );
  gauge('go_memstats_next_gc_bytes', 'Heap size limit of V8.', () => heap.heap_size_limit);
  gauge(
    'go_memstats_other_sys_bytes',
    'Bytes of buffers and other memory outside the heap.',
    () => heap.external_memory,
  );
  gauge('go_memstats_sys_bytes', 'Resident bytes of the process.', () => residentBytes);
  registry.reading(
    'go_memstats_alloc_bytes_total',
    'Growth of the heap between scrapes, summed: a lower bound of what was allocated.',
    'counter',
    () => allocatedBytes,
  );
  for (const [name, type] of unknown) registry.reading(name, 'Always 0: Node.js does not say.', type, () => 0);
}

const unknown: readonly (readonly [name: string, type: 'counter' | 'gauge'])[] = [
  ['go_gc_gogc_percent', 'gauge'],
  ['go_memstats_buck_hash_sys_bytes', 'gauge'],
  ['go_memstats_frees_total', 'counter'],
  ['go_memstats_gc_sys_bytes', 'gauge'],
  ['go_memstats_heap_objects', 'gauge'],
  ['go_memstats_heap_released_bytes', 'gauge'],
  ['go_memstats_last_gc_time_seconds', 'gauge'],
  ['go_memstats_mallocs_total', 'counter'],
  ['go_memstats_mcache_inuse_bytes', 'gauge'],
  ['go_memstats_mcache_sys_bytes', 'gauge'],
  ['go_memstats_mspan_inuse_bytes', 'gauge'],
  ['go_memstats_mspan_sys_bytes', 'gauge'],
  ['go_memstats_stack_inuse_bytes', 'gauge'],
  ['go_memstats_stack_sys_bytes', 'gauge'],
];

/** Listens to the garbage collector for the life of the process. */
function followPauses(): () => SummaryReading {
  const recent: number[] = [];
  let sum = 0;
  let count = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      const seconds = duration / 1000;
      sum += seconds;
      recent[count % pausesMax] = seconds;
      count++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => {
    const sorted = recent.toSorted((a, b) => a - b);
    const at = (quantile: number): number => sorted[Math.round(quantile * (sorted.length - 1))] ?? 0;
    return { quantiles: [0, 0.25, 0.5, 0.75, 1].map((quantile) => [quantile, at(quantile)] as const), sum, count };
  };
}
