/**
 * What a supervisor and its remote control say to each other: one JSON object a line, a request answered by a reply, in order.
 * Pure.
 *
 *   {"command":"stop","names":["web"]}   →   {"ok":true,"status":{…}}   or   {"ok":false,"error":"unknown proc: nosuch"}
 *
 * A reply comes when what was asked for is done: after `stop` nothing of the process is alive.
 */
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { Observation, RunEvent } from './observe/model.ts';
import type { Exit } from './process-machine.ts';

export const controlCommands = [
  'status',
  'start',
  'stop',
  'restart',
  'stop-all',
  'restart-all',
  'rolling-restart',
  'reload',
] as const;
export type ControlCommand = (typeof controlCommands)[number];

export interface ControlRequest {
  readonly command: ControlCommand;
  /** Entries or instances, for start, stop, restart and rolling-restart; the last takes none for all. */
  readonly names: readonly string[];
}

/** Asks what is known of the run; nothing is done to it. */
export type LookRequest =
  | { readonly command: 'observation' }
  /**
   * The reply is followed by events, an `EventLine` each, those since `sinceMs` (Unix time) first if it is not null, until either side
   * closes the connection. It takes no more requests.
   */
  | { readonly command: 'events'; readonly sinceMs: number | null };

export interface EventLine {
  readonly event: RunEvent;
}

export type ControlReply =
  /** `observation` if that was asked for. */
  | { readonly ok: true; readonly status: RunStatus; readonly observation?: Observation }
  | { readonly ok: false; readonly error: string };

/** Also what `status --json` prints. Fields are only ever added; a change of meaning raises `version`. */
export interface RunStatus {
  readonly version: 1;
  readonly pid: number;
  /** The Procfile, or the state folder of a generated cluster. */
  readonly source: string;
  readonly startedAt: string;
  /** The folder of the log history; null if none is kept. */
  readonly history: string | null;
  readonly processes: readonly ProcessStatus[];
}

export interface ProcessStatus {
  readonly name: string;
  readonly entry: string;
  /** `waiting`: for others to be ready, or for the delay before a restart. */
  readonly state: 'waiting' | 'running' | 'stopping' | 'stopped';
  /** It runs, and its ready check, if it has one, has succeeded since it started; or it has finished, if it is to. */
  readonly ready: boolean;
  /** It is suspended (SIGSTOP), by a fault. */
  readonly paused: boolean;
  readonly pid: number | null;
  readonly port: number | null;
  /** Where clients reach it, if it is an etcd. */
  readonly clientUrl: string | null;
  /** Of the last start, if there was one. */
  readonly startedAt: string | null;
  readonly uptimeMs: number | null;
  /** How often it was started again. */
  readonly restarts: number;
  /** How it ended last, if it did. */
  readonly exit: Exit | null;
}

/** A longer request is refused. */
export const requestBytesMax = 64 * 1024;

/** Reads one line. The error goes back to the sender. */
export function parseRequest(line: string): Result<ControlRequest | LookRequest, string> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return err('a request is one line of JSON');
  }
  if (typeof value !== 'object' || value === null || !('command' in value)) return err('a request has a command');
  if (value.command === 'observation') return ok({ command: 'observation' });
  if (value.command === 'events') {
    const sinceMs = 'sinceMs' in value && typeof value.sinceMs === 'number' ? value.sinceMs : null;
    return ok({ command: 'events', sinceMs });
  }
  const command = controlCommands.find((one) => one === value.command);
  if (command === undefined) return err(`unknown command ${String(value.command)}`);
  const names: unknown = 'names' in value ? value.names : [];
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) return err('names are strings');
  return ok({ command, names });
}

/** The token of a request, as the control over TCP needs it: `{"command":"status","token":"…"}`. Empty if there is none. */
export function tokenOf(line: string): string {
  try {
    const value: unknown = JSON.parse(line);
    const has = typeof value === 'object' && value !== null && 'token' in value;
    return has && typeof value.token === 'string' ? value.token : '';
  } catch {
    return '';
  }
}
