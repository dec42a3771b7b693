/** Asks a supervisor through its socket. */
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { ControlReply, ControlRequest } from './control-protocol.ts';

/** How long a supervisor may take to say that it is there; one that was stopped (Ctrl-Z) says nothing. */
const statusTimeoutMs = 2_000;

/** A path is a socket of this user; over TCP a token proves who asks. */
export type ControlAddress = string | { readonly host: string; readonly port: number; readonly token: string };

/** The reply, or null if nobody answers at `address`. Only a `status` has a time limit: the others take as long as what they do. */
export function askSupervisor(address: ControlAddress, request: ControlRequest): Promise<ControlReply | null> {
  return new Promise((resolve) => {
    let text = '';
    const isPath = typeof address === 'string';
    const sent = isPath ? request : { ...request, token: address.token };
    const socket = connect(address, () => socket.write(`${JSON.stringify(sent)}\n`));
    if (request.command === 'status') socket.setTimeout(statusTimeoutMs, () => socket.destroy());
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) socket.end();
    });
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(parseReply(text)));
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

function parseReply(text: string): ControlReply | null {
  if (!text.endsWith('\n')) return null;
  try {
    // A supervisor of this user and, but for its age, this program: its replies are what the protocol says.
    return JSON.parse(text) as ControlReply;
  } catch {
    return null;
  }
}
