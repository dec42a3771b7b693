/** The admin socket itself: connections, lines, answers and pushes. What is asked is answered by its handler. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import {
  type AdminAnswer,
  type AdminPush,
  type AdminRequest,
  type AdminStatus,
  adminLineBytesMax,
} from '../../base/admin-protocol.ts';
import { parseAdminRequest } from './request.ts';

/** More are turned away. */
const connectionsMax = 16;
/** Who has not read so much of what was pushed gets nothing new until they have: each status tells everything anew. */
const unreadBytesMax = 64 * 1024;
/** More often would only cost. */
const pushIntervalMinMs = 20;

export interface AdminHandler {
  /** Never rejects. */
  answer(request: AdminRequest): Promise<AdminAnswer>;
  /** Null as long as there is nothing to tell. */
  status(): AdminStatus | null;
}

interface Client {
  readonly socket: Socket;
  pushing: NodeJS.Timeout | null;
}

export class AdminServer {
  private readonly server: Server;
  private readonly handler: AdminHandler;
  private readonly clients = new Set<Client>();
  private readonly removeSocket: () => void;

  private constructor(path: string, handler: AdminHandler) {
    this.handler = handler;
    this.server = createServer((socket) => this.serve(socket));
    this.server.maxConnections = connectionsMax;
    this.removeSocket = () => rmSync(path, { force: true });
  }

  /** Listens at `path` with mode 0600, in place of a socket that nobody answers at any more. Rejects if it cannot. */
  static async listen(path: string, handler: AdminHandler): Promise<AdminServer> {
    if (await isAnswered(path)) throw new Error(`another process listens at ${path}`);
    const admin = new AdminServer(path, handler);
    admin.removeSocket();
    const listening = once(admin.server, 'listening');
    // The mode has to be right from the beginning: binding happens within this call.
    const mask = process.umask(0o177);
    try {
      admin.server.listen(path);
    } finally {
      process.umask(mask);
    }
    await listening;
    admin.server.unref();
    process.once('exit', admin.removeSocket);
    return admin;
  }

  /** Pushes the status at once to all who asked for pushes. */
  changed(): void {
    for (const client of this.clients) if (client.pushing !== null) this.push(client);
  }

  async close(): Promise<void> {
    process.off('exit', this.removeSocket);
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    for (const { socket } of this.clients) socket.destroy();
    await closed;
    this.removeSocket();
  }

  private serve(socket: Socket): void {
    const client: Client = { socket, pushing: null };
    this.clients.add(client);
    let pending = '';
    socket.unref();
    socket.setEncoding('utf8');
    socket.on('error', () => socket.destroy()); // whoever it was is gone
    socket.once('close', () => {
      this.clients.delete(client);
      clearInterval(client.pushing ?? undefined);
    });
    socket.on('data', (text: string) => {
      pending += text;
      for (let end = pending.indexOf('\n'); end >= 0; end = pending.indexOf('\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        void this.hear(client, line);
      }
      if (pending.length > adminLineBytesMax) socket.destroy();
    });
  }

  private async hear(client: Client, line: string): Promise<void> {
    const request = parseAdminRequest(line);
    if (!request.ok) {
      this.send(client, { ...request.error, ok: false });
      return;
    }
    this.send(client, await this.handler.answer(request.value));
    if (request.value.op === 'status') this.schedule(client, request.value.everyMs);
  }

  private schedule(client: Client, everyMs: number): void {
    clearInterval(client.pushing ?? undefined);
    client.pushing =
      everyMs === 0 || client.socket.destroyed
        ? null
        : setInterval(() => this.push(client), Math.max(everyMs, pushIntervalMinMs)).unref();
  }

  private push(client: Client): void {
    const status = this.handler.status();
    if (status === null || client.socket.writableLength > unreadBytesMax) return;
    this.send(client, { event: 'status', status });
  }

  private send({ socket }: Client, message: AdminAnswer | AdminPush): void {
    if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = createConnection(path);
    socket.once('error', () => done(false));
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
  });
}
