/**
 * Metrics in memory, in Prometheus' model: families of counters, gauges and histograms, with or without labels. Adding to one is
 * adding to a number: look the metric up once, keep it, and hot paths pay nothing more. Printing is in exposition.ts.
 */
import { invariant } from '../../base/assert.ts';

/** Only rises. */
export class Counter {
  #value = 0;

  /** `by` must not be negative. */
  add(by: number): void {
    this.#value += by;
  }

  inc(): void {
    this.#value += 1;
  }

  get value(): number {
    return this.#value;
  }
}

export class Gauge {
  #value = 0;

  set(value: number): void {
    this.#value = value;
  }

  add(by: number): void {
    this.#value += by;
  }

  get value(): number {
    return this.#value;
  }
}

export class Histogram {
  /** Upper bounds, rising, without +Inf. */
  readonly bounds: readonly number[];
  /** Observations per bucket, the last one for +Inf; not cumulative. */
  readonly counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }
}

/** A value that is worked out when metrics are read. */
export interface Reading {
  readonly value: number;
}

/** Quantiles that someone else keeps. */
export interface SummaryReading {
  readonly quantiles: readonly (readonly [quantile: number, value: number])[];
  readonly sum: number;
  readonly count: number;
}

export type Metric = Counter | Gauge | Histogram | Reading | SummaryReading;
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

export interface Child<M extends Metric> {
  /** In the order of the family's label names. */
  readonly labelValues: readonly string[];
  readonly metric: M;
}

/** Label combinations of one family beyond this many are a bug, such as a label that holds a key. */
export const childrenMax = 10_000;

/** All metrics of one name, one for each combination of label values. */
export class Family<M extends Metric> {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labelNames: readonly string[];
  readonly #create: () => M;
  readonly #children = new Map<string, Child<M>>();
  #list: readonly Child<M>[] | null = null;

  constructor(name: string, help: string, type: MetricType, labelNames: readonly string[], create: () => M) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.labelNames = labelNames;
    this.#create = create;
  }

  /** The metric with these label values, in the order of the label names; made at first use, and printed from then on. */
  labels(...labelValues: readonly string[]): M {
    invariant(labelValues.length === this.labelNames.length, `${this.name} has ${this.labelNames.length} labels`);
    const key = labelValues.length === 1 ? (labelValues[0] ?? '') : labelValues.join('\0');
    const found = this.#children.get(key);
    if (found !== undefined) return found.metric;
    invariant(this.#children.size < childrenMax, `${this.name} has at most ${childrenMax} label combinations`);
    const metric = this.#create();
    this.#children.set(key, { labelValues, metric });
    this.#list = null;
    return metric;
  }

  /** Forgets all metrics of the family; those handed out before are no longer printed. */
  clear(): void {
    this.#children.clear();
    this.#list = null;
  }

  /** The same array until a metric is added or the family is cleared. */
  children(): readonly Child<M>[] {
    this.#list ??= [...this.#children.values()];
    return this.#list;
  }
}

export class Registry {
  readonly #families = new Map<string, Family<Metric>>();
  readonly #refreshers: (() => void)[] = [];

  counter(name: string, help: string): Counter {
    return this.counters(name, help, []).labels();
  }

  gauge(name: string, help: string): Gauge {
    return this.gauges(name, help, []).labels();
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    return this.histograms(name, help, [], bounds).labels();
  }

  /** A counter or gauge whose value is `read` at every scrape. */
  reading(name: string, help: string, type: 'counter' | 'gauge', read: () => number): void {
    const metric: Reading = {
      get value() {
        return read();
      },
    };
    this.#add(new Family<Reading>(name, help, type, [], () => metric)).labels();
  }

  /** A summary whose quantiles are `read` at every scrape. */
  summary(name: string, help: string, read: () => SummaryReading): void {
    const metric: SummaryReading = {
      get quantiles() {
        return read().quantiles;
      },
      get sum() {
        return read().sum;
      },
      get count() {
        return read().count;
      },
    };
    this.#add(new Family<SummaryReading>(name, help, 'summary', [], () => metric)).labels();
  }

  counters(name: string, help: string, labelNames: readonly string[]): Family<Counter> {
    return this.#add(new Family(name, help, 'counter', labelNames, () => new Counter()));
  }

  gauges(name: string, help: string, labelNames: readonly string[]): Family<Gauge> {
    return this.#add(new Family(name, help, 'gauge', labelNames, () => new Gauge()));
  }

  histograms(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]): Family<Histogram> {
    return this.#add(new Family(name, help, 'histogram', labelNames, () => new Histogram(bounds)));
  }

  /** Calls `refresh` before every scrape, to set what is costly to follow all the time. */
  beforeScrape(refresh: () => void): void {
    this.#refreshers.push(refresh);
  }

  /** All families by name, up to date. */
  scrape(): readonly Family<Metric>[] {
    for (const refresh of this.#refreshers) refresh();
    return [...this.#families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #add<M extends Metric>(family: Family<M>): Family<M> {
    invariant(!this.#families.has(family.name), `metric ${family.name} is registered once`);
    this.#families.set(family.name, family);
    return family;
  }
}

/** `count` bounds, each `factor` times the one before. */
export function exponentialBounds(start: number, factor: number, count: number): readonly number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}
