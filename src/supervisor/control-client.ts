/** Asks a supervisor through its socket. */
import { createConnection } from 'node:net';
import type { ControlReply, ControlRequest } from './control-protocol.ts';

/** The reply, or null if nobody listens at `path` or the supervisor ended without one. */
export function askSupervisor(path: string, request: ControlRequest): Promise<ControlReply | null> {
  return new Promise((resolve) => {
    let text = '';
    const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) socket.end();
    });
    socket.on('error', () => resolve(null));
    // A supervisor of this user and, but for its age, this program: its replies are what the protocol says.
    socket.on('close', () => resolve(text.includes('\n') ? (JSON.parse(text) as ControlReply) : null));
  });
}
