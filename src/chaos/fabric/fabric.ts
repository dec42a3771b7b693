/**
 * A SOCKS5 proxy between the members of clusters, which can cut, delay and thin out each direction of each link. Members dial it
 * with their own name as the user, so that the source of a connection is known and not only its destination.
 *
 * Go never takes a proxy to a loopback address. Members therefore advertise addresses that exist nowhere (`FabricMember.host`), and the
 * fabric knows which port on 127.0.0.1 is meant.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Random } from '../../base/ports.ts';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import { fabricHostPrefix } from '../../supervisor/etcd-members.ts';
import type { LinkObservation, LinkRule } from '../faults/link-backend.ts';
import type { ConnectionHooks } from './connection.ts';
import { Connection } from './connection.ts';
import type { ConnectionRules, Direction } from './link-policy.ts';
import { connectOrder, wholeLink } from './link-policy.ts';
import type { SocksRequest } from './socks-handshake.ts';
import { SocksHandshake, socksAnswer, socksReply } from './socks-handshake.ts';

export interface FabricMember {
  readonly name: string;
  /** Links are between members of the same. */
  readonly cluster: string;
  /** As its peers know it; an address, not a name. */
  readonly host: string;
  /** As its peers know it, and where it listens on 127.0.0.1. */
  readonly port: number;
  /** Its peers speak TLS to it. */
  readonly tls: boolean;
}

/** A direction of a link, by names. */
export interface FabricLink {
  readonly from: string;
  readonly to: string;
}

/** A link as it was seen by the fabric; the counters only ever rise. */
export interface FabricObservation extends LinkObservation {
  readonly passedBytes: number;
  readonly hitBytes: number;
}

export interface FabricLimits {
  /** Between members; what is more is refused. */
  readonly connectionsMax: number;
  /** Connections that live on only because of what is held on them: the oldest goes when there are more. */
  readonly orphansMax: number;
}

/** A member has four or five connections to each peer: two streams, and some that are kept for requests. */
const defaultLimits: FabricLimits = { connectionsMax: 1_024, orphansMax: 64 };
const loopback = '127.0.0.1';
/** A connection that waits for both directions not to be cut. */
interface WaitingDial {
  readonly from: string;
  readonly to: FabricMember;
  readonly dialer: Socket;
  readonly rest: Buffer;
}

interface Counters {
  passed: number;
  hit: number;
  passedBytes: number;
  hitBytes: number;
}

export class Fabric {
  readonly #server: Server;
  readonly #password: string;
  readonly #random: Random;
  readonly #limits: FabricLimits;
  readonly #members = new Map<string, FabricMember>();
  #rules = new Map<string, LinkRule>();
  readonly #counters = new Map<string, Counters>();
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<Connection>();
  readonly #orphans = new Set<Connection>();
  readonly #waiting = new Set<WaitingDial>();

  private constructor(server: Server, password: string, random: Random, limits: FabricLimits) {
    this.#server = server;
    this.#password = password;
    this.#random = random;
    this.#limits = limits;
    server.on('connection', (socket) => this.#greet(socket));
  }

  /** Listens on a free port of 127.0.0.1 for those who know the password. */
  static listen(password: string, random: Random, limits: FabricLimits = defaultLimits): Promise<Fabric> {
    const server = createServer({ noDelay: true, allowHalfOpen: true });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: loopback, port: 0 }, () => resolve(new Fabric(server, password, random, limits)));
    });
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Makes members known, or better known, by their names. */
  addMembers(members: readonly FabricMember[]): void {
    for (const member of members) this.#members.set(member.name, member);
  }

  /** Makes these the rules of all links, at once; links without a rule are whole. The error says what could not be done; then nothing is. */
  setLinks(rules: readonly LinkRule[]): Result<void, string> {
    for (const rule of rules) {
      const wrong = this.#problemOf(rule);
      if (wrong !== null) return err(wrong);
    }
    this.#rules = new Map(rules.map((rule) => [linkKey(rule.from, rule.to), rule]));
    for (const connection of [...this.#connections]) connection.apply();
    for (const dial of [...this.#waiting]) this.#dial(dial);
    return ok(undefined);
  }

  /** As `LinkBackend.probe`. Under TLS nothing can be added to what members say; they say something every 1.7 s. */
  probe(links: readonly FabricLink[]): void {
    for (const { from, to } of links) for (const connection of [...this.#connections]) connection.probe(from, to);
  }

  /** All links there can be. */
  observed(): readonly FabricObservation[] {
    const members = [...this.#members.values()];
    return members.flatMap((from) =>
      members
        .filter((to) => to !== from && to.cluster === from.cluster)
        .map((to) => ({ from: from.name, to: to.name, ...this.#countersOf(from.name, to.name) })),
    );
  }

  /** Ends everything that goes through it. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of [...this.#connections]) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }

  #problemOf({ from, to, cut, mode, loss, messages }: LinkRule): string | null {
    const [source, target] = [this.#members.get(from), this.#members.get(to)];
    if (source === undefined || target === undefined) {
      return `the fabric knows no member ${source === undefined ? from : to}`;
    }
    if (from === to || source.cluster !== target.cluster) return `there is no link from ${from} to ${to}`;
    if (messages !== undefined) {
      return `no fault on ${messages.join(', ')} alone from ${from} to ${to}: the fabric knows messages, but not which are which; put it on all of them`;
    }
    if (cut && mode === 'drop') {
      return `no cut that drops on the link from ${from} to ${to}: a fabric carries streams, whose bytes it can only hold or reset; leave out --mode drop, or lose 100%`;
    }
    if (loss > 0 && (source.tls || target.tls)) {
      return `no loss on the link from ${from} to ${to}: it would have to be of whole Raft messages, which TLS hides; delay or cut the link, or use bundled members (--etcd bundled), which can, or peers without TLS`;
    }
    return null;
  }

  #greet(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // What there is to do about an error is done on `close`.
    socket.on('error', () => {});
    // Two for each connection, and as many that are not yet one.
    if (this.#sockets.size > 4 * this.#limits.connectionsMax) {
      socket.destroy();
      return;
    }
    const handshake = new SocksHandshake();
    const onEnd = () => socket.destroy();
    const onData = (chunk: Buffer) => {
      handshake.push(chunk);
      for (let step = handshake.next(); step.type !== 'more'; step = handshake.next()) {
        if (step.type === 'say') socket.write(step.bytes);
        else if (step.type === 'refuse') {
          socket.end(step.bytes, () => socket.destroy());
          return;
        } else {
          socket.off('data', onData);
          socket.off('end', onEnd);
          socket.pause();
          this.#request(socket, step.request);
          return;
        }
      }
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
  }

  #request(dialer: Socket, { username, password, host, port, rest }: SocksRequest): void {
    if (password !== this.#password) {
      refuse(dialer, socksReply.connectionRefused);
      return;
    }
    const to = [...this.#members.values()].find((member) => member.host === host && member.port === port);
    if (to !== undefined) this.#dial({ from: username, to, dialer, rest });
    // A member that was removed, or is not generated yet.
    else if (host.startsWith(fabricHostPrefix)) refuse(dialer, socksReply.hostUnreachable);
    else relay(dialer, host, port, rest, this.#sockets);
  }

  /** Connects, now or when it may. */
  #dial(dial: WaitingDial): void {
    const { from, to, dialer } = dial;
    const order = connectOrder(this.#rulesBetween(from, to.name));
    if (order === 'wait') {
      if (this.#waiting.has(dial)) return;
      this.#waiting.add(dial);
      this.#count(from, to.name, 'hit', { messages: 1, bytes: 0 });
      // Reading is how a dialer that gives up is noticed; before it has its answer it has nothing to say.
      dialer.once('data', () => dialer.destroy());
      dialer.once('end', () => dialer.destroy());
      dialer.once('close', () => this.#waiting.delete(dial));
      dialer.resume();
      return;
    }
    this.#waiting.delete(dial);
    if (order === 'refuse' || this.#connections.size >= this.#limits.connectionsMax) {
      this.#count(from, to.name, 'hit', { messages: 1, bytes: 0 });
      refuse(dialer, socksReply.connectionRefused);
      return;
    }
    dialer.pause();
    dialer.removeAllListeners('data');
    dialer.removeAllListeners('end');
    this.#connect(dial);
  }

  #connect({ from, to, dialer, rest }: WaitingDial): void {
    const server = connect({ host: loopback, port: to.port, noDelay: true, allowHalfOpen: true });
    this.#sockets.add(server);
    server.once('close', () => this.#sockets.delete(server));
    const failed = () => refuse(dialer, socksReply.connectionRefused);
    const gone = () => server.destroy();
    server.once('error', failed);
    dialer.once('close', gone);
    server.once('connect', () => {
      server.off('error', failed);
      dialer.off('close', gone);
      if (dialer.destroyed) {
        server.destroy();
        return;
      }
      dialer.write(socksAnswer(socksReply.ok));
      const hooks = this.#hooks(from, to.name, () => connection);
      const connection: Connection = new Connection(dialer, server, this.#random, hooks);
      this.#connections.add(connection);
      connection.open(rest);
    });
  }

  #hooks(from: string, to: string, connection: () => Connection): ConnectionHooks {
    // Messages that go up a connection are from its dialer.
    const count = (direction: Direction, kind: 'passed' | 'hit', tally: { messages: number; bytes: number }) =>
      direction === 'up' ? this.#count(from, to, kind, tally) : this.#count(to, from, kind, tally);
    return {
      rules: () => this.#rulesBetween(from, to),
      passed: (direction, tally) => count(direction, 'passed', tally),
      hit: (direction, tally) => count(direction, 'hit', tally),
      orphaned: () => {
        this.#orphans.add(connection());
        const [oldest] = this.#orphans;
        if (this.#orphans.size > this.#limits.orphansMax && oldest !== undefined) oldest.destroy();
      },
      gone: () => {
        this.#connections.delete(connection());
        this.#orphans.delete(connection());
      },
    };
  }

  #rulesBetween(dialer: string, server: string): ConnectionRules {
    return { up: this.#rule(dialer, server), down: this.#rule(server, dialer) };
  }

  #rule(from: string, to: string): LinkRule {
    return this.#rules.get(linkKey(from, to)) ?? wholeLink(from, to);
  }

  #countersOf(from: string, to: string): Counters {
    const key = linkKey(from, to);
    const counters = this.#counters.get(key) ?? { passed: 0, hit: 0, passedBytes: 0, hitBytes: 0 };
    this.#counters.set(key, counters);
    return counters;
  }

  #count(from: string, to: string, kind: 'passed' | 'hit', tally: { messages: number; bytes: number }): void {
    const counters = this.#countersOf(from, to);
    counters[kind] += tally.messages;
    counters[`${kind}Bytes`] += tally.bytes;
  }
}

/** Names of processes hold no spaces. */
function linkKey(from: string, to: string): string {
  return `${from} ${to}`;
}

function refuse(dialer: Socket, reply: number): void {
  dialer.resume();
  dialer.end(socksAnswer(reply), () => dialer.destroy());
}

/** What a member dials that is no member: there is no link to put a rule on. */
function relay(dialer: Socket, host: string, port: number, rest: Buffer, sockets: Set<Socket>): void {
  const server = connect({ host, port, noDelay: true, allowHalfOpen: true });
  sockets.add(server);
  server.once('close', () => {
    sockets.delete(server);
    dialer.destroySoon();
  });
  dialer.once('close', () => server.destroySoon());
  server.once('error', () => {
    if (server.connecting || server.bytesRead === 0) refuse(dialer, socksReply.hostUnreachable);
  });
  server.once('connect', () => {
    dialer.write(socksAnswer(socksReply.ok));
    server.write(rest);
    dialer.pipe(server);
    server.pipe(dialer);
  });
}
