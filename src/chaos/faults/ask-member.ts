/** One question to a bundled member over its admin socket, on a connection of its own: so it reaches whoever listens there now. */
import { createConnection } from 'node:net';
import type { AdminAnswer, AdminPush, AdminRequest } from '../../base/admin-protocol.ts';

/** What to do, without the number of the request. */
export type Order = AdminRequest extends infer R ? (R extends AdminRequest ? Omit<R, 'id'> : never) : never;

export type Reply =
  | { readonly type: 'answer'; readonly answer: AdminAnswer }
  /** Nobody listens there: the member is down, or has not come so far. */
  | { readonly type: 'absent' }
  /** The member has taken the order in, or will when it goes on, but does not answer. */
  | { readonly type: 'silent' };

/** Never rejects; over after `timeoutMs`. */
export function askMember(path: string, order: Order, timeoutMs: number): Promise<Reply> {
  return new Promise((resolve) => {
    let text = '';
    let connected = false;
    const socket = createConnection(path, () => {
      connected = true;
      socket.write(`${JSON.stringify({ id: 1, ...order })}\n`);
    });
    const settle = (reply: Reply) => {
      clearTimeout(timer);
      resolve(reply);
      // Not destroyed: an order to a suspended member stays where it will read it.
      socket.end();
    };
    const timer = setTimeout(() => settle({ type: 'silent' }), timeoutMs);
    socket.unref();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      const answer = end < 0 ? null : parse(text.slice(0, end));
      if (answer !== null) settle({ type: 'answer', answer });
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => settle(connected ? { type: 'silent' } : { type: 'absent' }));
  });
}

function parse(line: string): AdminAnswer | null {
  try {
    // From a child of ours at a path that only this user can reach: a bundled member says what the protocol says.
    const message = JSON.parse(line) as AdminAnswer | AdminPush;
    return 'event' in message ? null : message;
  } catch {
    return null;
  }
}
