/** Prometheus' text format, byte for byte as Go's client prints it: families, label names and label values sorted. */
import type { Child, Family, Metric, Registry, SummaryReading } from './registry.ts';
import { Histogram } from './registry.ts';

/** The body of GET /metrics. A family without metrics is left out. */
export function expose(registry: Registry): string {
  let text = '';
  for (const family of registry.scrape()) text += exposeFamily(family);
  return text;
}

interface Labelled {
  /** name="value" pairs, sorted by name, joined by commas. */
  readonly labels: string;
  readonly sortKey: readonly string[];
  readonly metric: Metric;
}

function exposeFamily(family: Family<Metric>): string {
  const children = sortedChildren(family);
  if (children.length === 0) return '';
  const { name } = family;
  let text = `# HELP ${name} ${escapeHelp(family.help)}\n# TYPE ${name} ${family.type}\n`;
  for (const child of children) text += exposeMetric(name, child.labels, child.metric);
  return text;
}

/** Sorting and escaping again at every scrape would stall the member for milliseconds: a family's list is kept while it lasts. */
const sortedLists = new WeakMap<readonly Child<Metric>[], readonly Labelled[]>();

function sortedChildren(family: Family<Metric>): readonly Labelled[] {
  const list = family.children();
  const known = sortedLists.get(list);
  if (known !== undefined) return known;
  const order = family.labelNames.map((name, index) => ({ name, index })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const sorted = list.map(({ labelValues, metric }) => {
    const sortKey = order.map(({ index }) => labelValues[index] ?? '');
    const labels = order.map(({ name }, at) => `${name}="${escapeLabel(sortKey[at] ?? '')}"`).join(',');
    return { labels, sortKey, metric };
  });
  sorted.sort(byLabelValues);
  sortedLists.set(list, sorted);
  return sorted;
}

function byLabelValues(a: Labelled, b: Labelled): number {
  for (const [index, value] of a.sortKey.entries()) {
    const other = b.sortKey[index] ?? '';
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

function exposeMetric(name: string, labels: string, metric: Metric): string {
  if (metric instanceof Histogram) return exposeHistogram(name, labels, metric);
  if ('quantiles' in metric) return exposeSummary(name, labels, metric);
  return sample(name, labels, metric.value);
}

function exposeHistogram(name: string, labels: string, histogram: Histogram): string {
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  let cumulative = 0;
  for (const [index, count] of histogram.counts.entries()) {
    cumulative += count;
    const bound = histogram.bounds[index] ?? Number.POSITIVE_INFINITY;
    text += sample(`${name}_bucket`, `${before}le="${formatFloat(bound)}"`, cumulative);
  }
  return text + sample(`${name}_sum`, labels, histogram.sum) + sample(`${name}_count`, labels, cumulative);
}

function exposeSummary(name: string, labels: string, summary: SummaryReading): string {
  const before = labels === '' ? '' : `${labels},`;
  let text = '';
  for (const [quantile, value] of summary.quantiles) {
    text += sample(name, `${before}quantile="${formatFloat(quantile)}"`, value);
  }
  return text + sample(`${name}_sum`, labels, summary.sum) + sample(`${name}_count`, labels, summary.count);
}

function sample(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${formatFloat(value)}\n` : `${name}{${labels}} ${formatFloat(value)}\n`;
}

/** Go's strconv.FormatFloat(value, 'g', -1, 64): shortest digits; an exponent, of two digits, below 1e-4 and from 1e+06 on. */
export function formatFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return Object.is(value, -0) ? '-0' : String(value);
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const [digits = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : text;
}
