/** How many file descriptors the process may have, and how many of them clients may take. */
import { readFileSync } from 'node:fs';
import { err, ok, type Result } from '../base/result.ts';

/** Kept from clients, for the log's files, peers and pipes: without them a flood of connections would end the member. etcd's number. */
export const reservedDescriptors = 150;

/** Open connections on each of `listeners` client ports. The error is worded as etcd's. */
export function clientConnectionsMax(descriptors: number, listeners: number): Result<number, string> {
  if (descriptors <= reservedDescriptors) {
    return err(
      `file descriptor limit of etcd process is too low; please set higher: ${descriptors}, of which ${reservedDescriptors} are reserved`,
    );
  }
  return ok(Math.floor((descriptors - reservedDescriptors) / Math.max(1, listeners)));
}

/** The process's limit on open files; Infinity where the system does not tell (proc(5) does). */
export function descriptorLimit(): number {
  try {
    return openFilesLimit(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** The soft limit on open files in the text of /proc/PID/limits. */
export function openFilesLimit(limits: string): number {
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}
