/**
 * A port that is listened on before there is anybody to serve it: connections are accepted and wait, as etcd's do while a member
 * starts. So a port in use is known before anything is written, and nobody is refused who comes early.
 */
import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { errnoCode } from '../base/go-errno.ts';
import { err, ok, type Result } from '../base/result.ts';
import { type EtcdUrl, socketTarget } from './config/urls.ts';

/** Connections that wait for a member to start; more are closed. */
const waitingMax = 4_096;

export class ClaimedPort {
  readonly url: EtcdUrl;
  private readonly server: Server;
  private waiting: Socket[] = [];
  private handler: ((socket: Socket) => void) | null = null;

  private constructor(url: EtcdUrl, server: Server) {
    this.url = url;
    this.server = server;
    server.on('connection', (socket: Socket) => this.accept(socket));
  }

  /** Listens on the URL's address. Connections beyond `connectionsMax` open ones are closed. The error is what Go says: "listen tcp 127.0.0.1:2380: bind: address already in use". */
  static async claim(url: EtcdUrl, connectionsMax = Number.POSITIVE_INFINITY): Promise<Result<ClaimedPort, string>> {
    const target = socketTarget(url);
    if ('path' in target) await removeAbandonedSocket(target.path);
    const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true });
    server.maxConnections = connectionsMax;
    const port = new ClaimedPort(url, server);
    return new Promise((done) => {
      server.once('error', (error: NodeJS.ErrnoException) => done(err(listenError(url, error))));
      server.listen(target, () => {
        server.removeAllListeners('error');
        // An error while accepting (no file descriptors left) concerns that one connection only.
        server.on('error', () => {});
        done(ok(port));
      });
    });
  }

  /** From now on the handler gets the connections, those that waited first. It owns them. */
  serve(handler: (socket: Socket) => void): void {
    this.handler = handler;
    for (const socket of this.waiting.splice(0)) this.hand(socket, handler);
  }

  /** Stops listening. Connections that nobody took are closed; the others are their owner's. */
  close(): Promise<void> {
    for (const socket of this.waiting.splice(0)) socket.destroy();
    return new Promise((done) => {
      this.server.close(() => done());
      // `close` waits for connections that their owners close; nobody needs to wait for that here.
      done();
    });
  }

  private accept(socket: Socket): void {
    if (this.handler !== null) {
      this.hand(socket, this.handler);
      return;
    }
    if (this.waiting.length >= waitingMax) {
      socket.destroy();
      return;
    }
    socket.once('close', () => {
      this.waiting = this.waiting.filter((one) => one !== socket);
    });
    socket.on('error', ignore);
    this.waiting.push(socket);
  }

  private hand(socket: Socket, handler: (socket: Socket) => void): void {
    handler(socket);
    socket.off('error', ignore);
    socket.resume();
  }
}

function ignore(): void {}

/** A process that was killed leaves its socket's file, on which nobody can listen again. One that answers is left alone. */
async function removeAbandonedSocket(path: string): Promise<void> {
  const refused = await new Promise<boolean>((done) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      done(false);
    });
    probe.once('error', (error) => done(errnoCode(error) === 'ECONNREFUSED'));
  });
  const isSocket = refused && (await lstat(path)).isSocket();
  if (isSocket) await unlink(path);
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EACCES: 'bind: permission denied',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
};

function listenError(url: EtcdUrl, error: NodeJS.ErrnoException): string {
  const network = url.scheme === 'unix' || url.scheme === 'unixs' ? 'unix' : 'tcp';
  return `listen ${network} ${url.address}: ${reasons[error.code ?? ''] ?? error.message}`;
}
