/** The process_* and os_fd_* metrics, read from /proc at every scrape; zero where there is no /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from './registry.ts';

/** Linux reports CPU time in these, on every architecture Node runs on. */
const ticksPerSecond = 100;
const pageBytes = 4096;
/** What Prometheus' Go client prints for an unlimited address space: 2^64 - 1. */
const unlimitedBytes = 2 ** 64;

interface ProcessReading {
  cpuSeconds: number;
  threads: number;
  virtualBytes: number;
  residentBytes: number;
  openFiles: number;
  openFilesMax: number;
  addressSpaceMax: number;
  receivedBytes: number;
  sentBytes: number;
}

/** Registers the families; `threads` of the result is as of the latest scrape. */
export function registerProcessMetrics(registry: Registry): { threads(): number } {
  let reading = empty();
  registry.beforeScrape(() => {
    reading = readProcess();
  });
  const startSeconds = performance.timeOrigin / 1000;
  const counter = (name: string, help: string, read: () => number): void =>
    registry.reading(name, help, 'counter', read);
  const gauge = (name: string, help: string, read: () => number): void => registry.reading(name, help, 'gauge', read);

  counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => reading.cpuSeconds);
  gauge('process_max_fds', 'Maximum number of open file descriptors.', () => reading.openFilesMax);
  counter(
    'process_network_receive_bytes_total',
    'Number of bytes received by the process over the network.',
    () => reading.receivedBytes,
  );
  counter(
    'process_network_transmit_bytes_total',
    'Number of bytes sent by the process over the network.',
    () => reading.sentBytes,
  );
  gauge('process_open_fds', 'Number of open file descriptors.', () => reading.openFiles);
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => reading.residentBytes);
  gauge(
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    () => Math.round(startSeconds * 100) / 100,
  );
  gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.', () => reading.virtualBytes);
  gauge(
    'process_virtual_memory_max_bytes',
    'Maximum amount of virtual memory available in bytes.',
    () => reading.addressSpaceMax,
  );
  gauge('os_fd_limit', 'The file descriptor limit.', () => reading.openFilesMax);
  gauge('os_fd_used', 'The number of used file descriptors.', () => reading.openFiles);
  return { threads: () => reading.threads };
}

function empty(): ProcessReading {
  return {
    cpuSeconds: 0,
    threads: 0,
    virtualBytes: 0,
    residentBytes: 0,
    openFiles: 0,
    openFilesMax: 0,
    addressSpaceMax: 0,
    receivedBytes: 0,
    sentBytes: 0,
  };
}

function readProcess(): ProcessReading {
  const reading = empty();
  // The second field of stat, the command's name, may hold anything up to its closing parenthesis (proc(5)).
  const stat = readText('/proc/self/stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number);
  const field = (number: number): number => stat[number - 3] ?? 0;
  reading.cpuSeconds = (field(14) + field(15)) / ticksPerSecond;
  reading.threads = field(20);
  reading.virtualBytes = field(23);
  reading.residentBytes = field(24) * pageBytes;

  const limits = readText('/proc/self/limits');
  reading.openFilesMax = limitOf(limits, 'Max open files');
  reading.addressSpaceMax = limitOf(limits, 'Max address space');
  try {
    reading.openFiles = readdirSync('/proc/self/fd').length - 1; // not counting the one that listed them
  } catch {
    reading.openFiles = 0;
  }
  const network = ipCounters(readText('/proc/self/net/netstat'));
  reading.receivedBytes = network.get('InOctets') ?? 0;
  reading.sentBytes = network.get('OutOctets') ?? 0;
  return reading;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function limitOf(limits: string, name: string): number {
  const soft = new RegExp(`^${name} +(\\S+)`, 'm').exec(limits)?.[1] ?? '0';
  return soft === 'unlimited' ? unlimitedBytes : Number(soft);
}

/** The IpExt pair of lines: names, then values. */
function ipCounters(netstat: string): ReadonlyMap<string, number> {
  const [names = '', values = ''] = netstat.split('\n').filter((line) => line.startsWith('IpExt:'));
  const numbers = values.split(' ').map(Number);
  return new Map(names.split(' ').map((name, index) => [name, numbers[index] ?? 0]));
}
