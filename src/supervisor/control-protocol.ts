/**
 * What a supervisor and its remote control say to each other: one JSON object a line, a request answered by a reply, in order.
 * Pure.
 *
 *   {"command":"stop","names":["web"]}   →   {"ok":true,"status":{…}}   or   {"ok":false,"error":"unknown proc: nosuch"}
 *
 * A reply comes when what was asked for is done: after `stop` nothing of the process is alive.
 */
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { FaultFacts, Observation, RunEvent } from './observe/model.ts';
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
  /** Of a rolling-restart: how long each step may take, in milliseconds; a minute if it is not said. */
  readonly timeoutMs?: number;
}

/** Injects, heals or lists faults: `words` as on the command line after `clusterctl fault`. */
export interface FaultRequest {
  readonly command: 'fault';
  readonly words: readonly string[];
}

/** What a fault request has come to. */
export interface FaultReply {
  /** For people; a line for each fault. */
  readonly text: string;
  /** Those that were injected, healed or listed. */
  readonly faults: readonly FaultFacts[];
}

/** Asks what is known of the run; nothing is done to it. */
export type LookRequest =
  | { readonly command: 'observation' }
  /**
   * The reply is followed by events, an `EventLine` each, those since `sinceMs` (Unix time) first if it is not null, until either side
   * closes the connection. It takes no more requests.
   */
  | { readonly command: 'events'; readonly sinceMs: number | null }
  /** The same with what these entries or instances say from now on, none for all: records as `start --output ndjson` prints them. */
  | { readonly command: 'lines'; readonly names: readonly string[] };

export interface EventLine {
  readonly event: RunEvent;
}

export type ControlReply =
  /** `observation` and `fault` if they were asked for. */
  | {
      readonly ok: true;
      readonly status: RunStatus;
      readonly observation?: Observation;
      readonly fault?: FaultReply;
    }
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
  /** Active ones, oldest first. */
  readonly faults: readonly FaultFacts[];
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
  /** The same with the files of certificates that the supervisor uses for it. */
  readonly endpoint: MemberEndpoint | null;
  /** Of the last start, if there was one. */
  readonly startedAt: string | null;
  readonly uptimeMs: number | null;
  /** How often it was started again. */
  readonly restarts: number;
  /** How it ended last, if it did. */
  readonly exit: Exit | null;
}

const timeoutMsMax = 24 * 60 * 60 * 1000;
/** A longer request is refused. */
export const requestBytesMax = 64 * 1024;

/** Reads one line. The error goes back to the sender. */
export function parseRequest(line: string): Result<ControlRequest | LookRequest | FaultRequest, string> {
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
  if (value.command === 'fault') {
    const words: unknown = 'words' in value ? value.words : null;
    return isTexts(words) ? ok({ command: 'fault', words }) : err('words of a fault are strings');
  }
  const isLines = value.command === 'lines';
  const command = controlCommands.find((one) => one === value.command);
  if (command === undefined && !isLines) return err(`unknown command ${String(value.command)}`);
  const names: unknown = 'names' in value ? value.names : [];
  if (!isTexts(names)) return err('names are strings');
  if (command === undefined) return ok({ command: 'lines', names });
  if (!('timeoutMs' in value)) return ok({ command, names });
  const { timeoutMs } = value;
  const isTime = typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= timeoutMsMax;
  return isTime ? ok({ command, names, timeoutMs }) : err('timeoutMs is a number of milliseconds, a day at most');
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
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
