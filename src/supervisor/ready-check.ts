/** When a started process counts as ready: what others wait for before they start. Pure. */
import type { MemberEndpoint } from '../base/member-endpoint.ts';

/** One look at a process, repeated until it succeeds. */
export type ReadyCheck =
  /** Ready as soon as it runs. */
  | { readonly type: 'started' }
  /** Ready when it has ended with code 0: something to be done once, before others. */
  | { readonly type: 'finished' }
  /** Something accepts TCP connections on the port of this machine. */
  | ({ readonly type: 'port'; readonly port: number } & Timing)
  /** The address answers with the status. */
  | ({ readonly type: 'http'; readonly url: string; readonly status: number } & Timing)
  /** A line of its output, on either stream, matches the regular expression. */
  | { readonly type: 'log'; readonly pattern: string }
  /** The command, run in the environment and the folder of the process, exits with 0. */
  | ({ readonly type: 'exec'; readonly command: string } & Timing)
  /** An etcd that says it is healthy; it says so only while it knows a leader. */
  | ({ readonly type: 'etcd'; readonly endpoint: MemberEndpoint } & Timing);

export interface Timing {
  /** From the end of one look to the next. */
  readonly intervalMs: number;
  /** One look that takes longer has failed. */
  readonly timeoutMs: number;
}

/** Soon enough that nobody waits for the supervisor, seldom enough to cost nothing. */
export const defaultTiming: Timing = { intervalMs: 100, timeoutMs: 1_000 };

/** A command is a process each time. */
export const defaultExecTiming: Timing = { intervalMs: 500, timeoutMs: 5_000 };

/** What the check waits for, in words. */
export function describeCheck(check: ReadyCheck): string {
  switch (check.type) {
    case 'started':
      return 'its start';
    case 'finished':
      return 'its end';
    case 'port':
      return `port ${check.port} to accept connections`;
    case 'http':
      return `${check.url} to answer ${check.status}`;
    case 'log':
      return `a line that matches /${check.pattern}/`;
    case 'exec':
      return `\`${check.command}\` to exit with 0`;
    case 'etcd':
      return `${check.endpoint.url} to know a leader`;
  }
}
