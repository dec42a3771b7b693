/** Asks a supervisor through its socket. */
import { createConnection } from 'node:net';
import type { ControlReply, ControlRequest } from './control-protocol.ts';

/** How long a supervisor may take to say that it is there; one that was stopped (Ctrl-Z) says nothing. */
const statusTimeoutMs = 2_000;

/** The reply, or null if nobody answers at `path`. Only a `status` has a time limit: the others take as long as what they do. */
export function askSupervisor(path: string, request: ControlRequest): Promise<ControlReply | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`));
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

function parseReply(text: string): ControlReply | null {
  if (!text.endsWith('\n')) return null;
  try {
    // A supervisor of this user and, but for its age, this program: its replies are what the protocol says.
    return JSON.parse(text) as ControlReply;
  } catch {
    return null;
  }
}
