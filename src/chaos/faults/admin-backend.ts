/**
 * Faults on bundled members, which put them on themselves: orders go over their admin sockets, and lie beside the sockets for members
 * that start later. Rules stand at both ends of a link, so that a cut holds even while one end is on its way back.
 */
import { renameSync, writeFileSync } from 'node:fs';
import {
  type AdminDiskRule,
  type AdminLinkRule,
  type AdminOrders,
  type AdminStatus,
  adminOrdersSuffix,
} from '../../base/admin-protocol.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { askMember, type Order } from './ask-member.ts';
import type { LinkBackend, LinkObservation, LinkRule } from './link-backend.ts';
import type { DiskRule } from './plan.ts';
import type { FaultProcess, FaultProcesses } from './processes.ts';

/** A member that lives answers within some milliseconds; on a machine that is busy with other things, some hundred. */
const answerTimeoutMs = 2_000;
/** A transfer takes an election time-out at most; etcd's default is a second, and its largest 50. */
const transferTimeoutMs = 60_000;

type FaultOrder = Extract<Order, { op: 'set-links' | 'set-disk' }>;

/** Processes that are given an admin socket are the bundled members; the others are none of its business. */
export class AdminBackend implements LinkBackend {
  readonly tellsMessages = true;
  readonly #processes: FaultProcesses;
  readonly #knownIds: () => Promise<ReadonlyMap<string, string>>;
  /** Ids of members by names of processes, as they were seen last. */
  readonly #ids = new Map<string, string>();
  /** What each member is to do, by names of processes. */
  #links: ReadonlyMap<string, readonly AdminLinkRule[]> = new Map();
  readonly #disks = new Map<string, AdminDiskRule>();
  /** The orders of each kind that each member has been given last: who has the same already is not told again. */
  readonly #told = new Map<string, string>();
  /** Counters start anew with each process: what those before counted is added. */
  readonly #totals = new Map<string, { base: number; last: number }>();

  /** `knownIds` are those of members, by names of processes, that others have heard of: of those that are not bundled, or down. */
  constructor(processes: FaultProcesses, knownIds: () => Promise<ReadonlyMap<string, string>>) {
    this.#processes = processes;
    this.#knownIds = knownIds;
  }

  unsupported(name: string): string | null {
    const process = this.#process(name);
    if (process === undefined) return `there is no process ${name}`;
    return process.adminSocket === null ? `${name} is not a bundled member` : null;
  }

  async setLinks(rules: readonly LinkRule[]): Promise<Result<void, string>> {
    const known = await this.#learnIds(new Set(rules.flatMap(({ from, to }) => [from, to])));
    if (!known.ok) return known;
    const links = new Map<string, AdminLinkRule[]>();
    for (const rule of rules) {
      const { from, to } = rule;
      const [sends, receives] = [this.#hasAdmin(from), this.#hasAdmin(to)];
      if (!sends && !receives) return err(`${from} and ${to} are no bundled members`);
      if (sends) push(links, from, orderOf(rule, this.#ids.get(to) ?? '', 'out'));
      // The sender is late and loses; to do both twice would be too much.
      const theirs = sends ? { ...rule, delayMs: 0, jitterMs: 0, loss: 0 } : rule;
      if (receives && (!sends || rule.cut)) push(links, to, orderOf(theirs, this.#ids.get(from) ?? '', 'in'));
    }
    this.#links = links;
    return this.#tellAll((name) => ({ op: 'set-links', rules: this.#links.get(name) ?? [] }));
  }

  /** Null: its disk is healthy. */
  async setDisk(name: string, rule: DiskRule | null): Promise<Result<void, string>> {
    const why = this.unsupported(name);
    if (why !== null) return err(`${why}: nobody else lets their syncs be slowed or failed`);
    if (rule === null) this.#disks.delete(name);
    else this.#disks.set(name, { syncDelayMs: rule.slowMs, syncError: rule.error });
    return this.#tellAll((one) => (one === name ? { op: 'set-disk', rule: this.#disks.get(name) ?? null } : null));
  }

  /** Syncs of a member that a disk rule has touched; null if it cannot be asked. */
  async syncsHit(name: string): Promise<number | null> {
    const status = await this.#status(name);
    return status === null ? null : this.#rising(`syncs ${name}`, status.syncsHit);
  }

  /** What a member says of itself; null if it cannot be asked now. */
  async #status(name: string): Promise<AdminStatus | null> {
    const process = this.#process(name);
    if (process === undefined || process.adminSocket === null || !isAwake(process)) return null;
    const reply = await askMember(process.adminSocket, { op: 'status', everyMs: 0 }, answerTimeoutMs);
    const status = reply.type === 'answer' && reply.answer.ok ? (reply.answer.status ?? null) : null;
    if (status !== null) this.#ids.set(name, status.memberId);
    return status;
  }

  /** How a member stands in its cluster; null if it cannot be asked now. */
  async standing(
    name: string,
  ): Promise<{ readonly cluster: string; readonly term: number; readonly leads: boolean } | null> {
    const status = await this.#status(name);
    return status === null ? null : { cluster: status.clusterId, term: status.term, leads: status.role === 'leader' };
  }

  async moveLeader(from: string, to: string): Promise<Result<void, string>> {
    const known = await this.#learnIds(new Set([from, to]));
    if (!known.ok) return known;
    const path = this.#process(from)?.adminSocket ?? null;
    if (path === null) return err(`${from} is not a bundled member`);
    const order = { op: 'move-leader', to: this.#ids.get(to) ?? '' } as const;
    const reply = await askMember(path, order, transferTimeoutMs);
    if (reply.type !== 'answer') return err(`${from} does not answer`);
    return reply.answer.ok ? ok(undefined) : err(reply.answer.error.replaceAll(order.to, to));
  }

  async observed(among?: ReadonlySet<string>): Promise<readonly LinkObservation[]> {
    const isMeant = ({ name, adminSocket }: FaultProcess) => adminSocket !== null && (among?.has(name) ?? true);
    const members = this.#processes.all().filter(isMeant);
    const statuses = await Promise.all(members.map(async ({ name }) => ({ name, status: await this.#status(name) })));
    const names = new Map([...this.#ids].map(([name, id]) => [id, name]));
    const links = new Map<string, { from: string; to: string; passed: number; hit: number }>();
    const add = (from: string, to: string, passed: number, hit: number) => {
      const link = links.get(`${from}>${to}`) ?? { from, to, passed: 0, hit: 0 };
      links.set(`${from}>${to}`, { from, to, passed: link.passed + passed, hit: link.hit + hit });
    };
    for (const { name, status } of statuses) {
      for (const link of status?.links ?? []) {
        const peer = names.get(link.peer);
        if (peer === undefined) continue;
        const count = (what: 'outPassed' | 'outHit' | 'inPassed' | 'inHit') =>
          this.#rising(`${what} ${name} ${peer}`, link[what]);
        add(name, peer, count('outPassed'), count('outHit'));
        // The sender has counted already what went through.
        add(peer, name, this.#hasAdmin(peer) ? 0 : count('inPassed'), count('inHit'));
      }
    }
    return [...links.values()];
  }

  probesFrom(name: string): boolean {
    return this.#hasAdmin(name);
  }

  async probe(links: readonly { readonly from: string; readonly to: string }[]): Promise<void> {
    const peers = new Map<string, string[]>();
    for (const { from, to } of links) {
      const id = this.#ids.get(to);
      if (id !== undefined) push(peers, from, id);
    }
    await Promise.all(
      [...peers].map(async ([name, ids]) => {
        const process = this.#process(name);
        if (process === undefined || process.adminSocket === null || !isAwake(process)) return;
        await askMember(process.adminSocket, { op: 'probe', peers: ids }, answerTimeoutMs);
      }),
    );
  }

  #process(name: string): FaultProcess | undefined {
    return this.#processes.all().find((process) => process.name === name);
  }

  #hasAdmin(name: string): boolean {
    return this.unsupported(name) === null;
  }

  /** A member that is down keeps the id that it had. */
  async #learnIds(names: ReadonlySet<string>): Promise<Result<void, string>> {
    await Promise.all([...names].map((name) => (this.#ids.has(name) ? null : this.#status(name))));
    if ([...names].some((name) => !this.#ids.has(name))) {
      for (const [name, id] of await this.#knownIds()) if (!this.#ids.has(name)) this.#ids.set(name, id);
    }
    const unknown = [...names].find((name) => !this.#ids.has(name));
    return unknown === undefined
      ? ok(undefined)
      : err(`${unknown} has not said who it is: wait until it has started once`);
  }

  /** Sends each member its order, and lays all orders down for those that start later. */
  async #tellAll(orderFor: (name: string) => FaultOrder | null): Promise<Result<void, string>> {
    const problems = await Promise.all(
      this.#processes.all().map(async (process) => {
        const { name, adminSocket: path } = process;
        const order = orderFor(name);
        if (path === null || order === null) return null;
        const [kind, text] = [`${order.op} ${name}`, JSON.stringify(order)];
        if (text === (this.#told.get(kind) ?? JSON.stringify(nothingOf(order.op)))) return null;
        // Before the member is told: one that is not there yet reads them once it listens.
        const written = writeOrders(path, { links: this.#links.get(name) ?? [], disk: this.#disks.get(name) ?? null });
        if (!written.ok) return `${name}: ${written.error}`;
        this.#told.set(kind, text);
        if (process.state === 'stopped') return null;
        const asked = askMember(path, order, answerTimeoutMs);
        // One that is suspended finds the order when it goes on.
        if (process.paused) return null;
        const reply = await asked;
        const now = this.#process(name);
        const isSure = reply.type === 'absent' || (reply.type === 'answer' && reply.answer.ok);
        // It is told again whatever the next orders are.
        if (!isSure) this.#told.set(kind, '');
        if (reply.type === 'silent' && now !== undefined && isAwake(now))
          return `${name} did not confirm within ${answerTimeoutMs / 1000} s`;
        return reply.type === 'answer' && !reply.answer.ok ? `${name}: ${reply.answer.error}` : null;
      }),
    );
    const problem = problems.find((one) => one !== null) ?? null;
    return problem === null ? ok(undefined) : err(problem);
  }

  /** Counters of one process after the other as one that only rises. */
  #rising(key: string, value: number): number {
    const total = this.#totals.get(key) ?? { base: 0, last: 0 };
    if (value < total.last) total.base += total.last;
    total.last = value;
    this.#totals.set(key, total);
    return total.base + value;
  }
}

/** What a member does that has never been told anything. */
function nothingOf(op: FaultOrder['op']): FaultOrder {
  return op === 'set-links' ? { op, rules: [] } : { op, rule: null };
}

function isAwake({ state, paused }: FaultProcess): boolean {
  return state === 'running' && !paused;
}

function orderOf(rule: LinkRule, peer: string, direction: 'in' | 'out'): AdminLinkRule {
  const { cut, mode, delayMs, jitterMs, loss, messages = null } = rule;
  return { peer, direction, cut: cut ? mode : null, delayMs, jitterMs, loss, messages };
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  map.set(key, [...(map.get(key) ?? []), value]);
}

/** Whole or not at all: a member may read it at any moment. */
function writeOrders(path: string, orders: AdminOrders): Result<void, string> {
  const file = path + adminOrdersSuffix;
  try {
    writeFileSync(`${file}.new`, JSON.stringify(orders), { mode: 0o600 });
    renameSync(`${file}.new`, file);
    return ok(undefined);
  } catch (error) {
    return err(`cannot lay down its orders: ${error instanceof Error ? error.message : String(error)}`);
  }
}
