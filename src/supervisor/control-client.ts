/** Asks a supervisor through its socket. */
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { ControlReply, ControlRequest, EventLine, FaultRequest, LookRequest } from './control-protocol.ts';
import type { RunEvent } from './observe/model.ts';

/** How long a supervisor may take to say that it is there; one that was stopped (Ctrl-Z) says nothing. */
const statusTimeoutMs = 2_000;

/** A path is a socket of this user; over TCP a token proves who asks. */
export type ControlAddress = string | { readonly host: string; readonly port: number; readonly token: string };

/** The reply, or null if nobody answers at `address`. Only a `status` has a time limit: the others take as long as what they do. */
export function askSupervisor(
  address: ControlAddress,
  request: ControlRequest | LookRequest | FaultRequest,
): Promise<ControlReply | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(address, () => socket.write(requestLine(address, request)));
    if (request.command === 'status') socket.setTimeout(statusTimeoutMs, () => socket.destroy());
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) socket.end();
    });
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(parseLine<ControlReply>(text)));
  });
}

/**
 * Hears the events of a run, those since `sinceMs` (Unix time) first if it is not null. Resolves to null when the supervisor closes its
 * end, else to why it does not tell.
 */
export function followSupervisor(
  address: ControlAddress,
  sinceMs: number | null,
  hear: (event: RunEvent) => void,
): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    let refusal: string | null = 'nobody answers';
    const socket = connect(address, () => socket.write(requestLine(address, { command: 'events', sinceMs })));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end + 1);
        text = text.slice(end + 1);
        const heard = parseLine<ControlReply | EventLine>(line);
        if (heard === null) continue;
        if ('event' in heard) hear(heard.event);
        else refusal = heard.ok ? null : heard.error;
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(refusal));
  });
}

/**
 * Hears what these processes say from now on, none for all, a record of NDJSON at a time. Resolves when the supervisor closes its
 * end, to null, or to why it does not tell.
 */
export function followLines(
  address: ControlAddress,
  names: readonly string[],
  hear: (record: string) => void,
): Promise<string | null> {
  return new Promise((resolve) => {
    let text = '';
    let refusal: string | null | undefined;
    const socket = connect(address, () => socket.write(requestLine(address, { command: 'lines', names })));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (refusal !== undefined) hear(line);
        else {
          const reply = parseLine<ControlReply>(`${line}\n`);
          refusal = reply?.ok === true ? null : (reply?.error ?? 'no answer');
        }
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(refusal === undefined ? 'nobody answers' : refusal));
  });
}

/** Resolves when the supervisor at `address` closes its end, or is not there. */
export function supervisorGone(address: ControlAddress): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address, () => {});
    socket.resume();
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}

function connect(address: ControlAddress, connected: () => void): Socket {
  if (typeof address === 'string') return createConnection(address, connected);
  return createConnection({ host: address.host, port: address.port }, connected);
}

function requestLine(address: ControlAddress, request: ControlRequest | LookRequest | FaultRequest): string {
  const sent = typeof address === 'string' ? request : { ...request, token: address.token };
  return `${JSON.stringify(sent)}\n`;
}

/** Null if it is not whole. */
function parseLine<T>(text: string): T | null {
  if (!text.endsWith('\n')) return null;
  try {
    // A supervisor of this user and, but for its age, this program: its lines are what the protocol says.
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}
