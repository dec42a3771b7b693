/**
 * Clients that keep leases alive through any member, and look whether the keys that hang on them are there. They may not vanish before
 * the time to live after the last acknowledged renewal was asked for, they vanish together, and they do once nobody renews the lease.
 */
import { TestClient } from './client.ts';

/** Seconds. */
const ttl = 4;
const renewalMs = 300;
/** An expired lease is found within half a second; under load, with leaders that change, it may take longer. */
const endPatienceMs = 30_000;

interface Held {
  readonly id: string;
  /** When the last acknowledged renewal was asked for, on this process's monotonic clock. */
  renewedMs: number;
}

export class LeaseLoad {
  readonly violations: string[] = [];
  renewals = 0;
  private readonly clients: TestClient[];
  private running = true;
  private readonly loops: Promise<void>[];
  private turn = 0;

  /** So many clients with a lease each, over the endpoints in turn. */
  constructor(endpoints: readonly string[], count: number) {
    this.clients = endpoints.map((endpoint) => new TestClient(endpoint));
    this.loops = Array.from({ length: count }, (_, i) => this.hold(`leased-${i}/`));
  }

  /** Resolves when so many more renewals were acknowledged. */
  async renews(count: number): Promise<void> {
    const target = this.renewals + count;
    const deadline = Date.now() + 30_000;
    while (this.renewals < target) {
      if (Date.now() > deadline) throw new Error(`${target - this.renewals} of ${count} renewals are still to come`);
      await pause(20);
    }
  }

  /** Renews no more, and resolves when all keys are gone; adds to the violations if that takes too long. */
  async end(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
    const deadline = Date.now() + endPatienceMs;
    for (let i = 0; i < this.loops.length; i++) {
      const prefix = `leased-${i}/`;
      while ((await this.keys(prefix)) !== 0) {
        if (Date.now() > deadline) {
          this.violations.push(`${prefix}: still there, though nobody renews its lease`);
          break;
        }
        await pause(100);
      }
    }
  }

  close(): void {
    this.running = false;
    for (const client of this.clients) client.close();
  }

  private async hold(prefix: string): Promise<void> {
    let held: Held | null = null;
    while (this.running) {
      held = held === null ? await this.acquire(prefix) : await this.renew(prefix, held);
      if (held !== null) await this.look(prefix, held);
      await pause(renewalMs);
    }
  }

  private async acquire(prefix: string): Promise<Held | null> {
    const renewedMs = performance.now();
    const client = this.next();
    const granted = await client.call('etcdserverpb.Lease/LeaseGrant', { TTL: ttl }, { deadlineMs: 2_000 });
    if (!granted.ok) return null;
    const id = String(granted.answer['ID']);
    // Both at once: they are there together, or not at all.
    const success = ['a', 'b'].map((name) => ({
      request_put: { key: Buffer.from(prefix + name), value: Buffer.from(id), lease: id },
    }));
    const put = await client.call('etcdserverpb.KV/Txn', { success }, { deadlineMs: 2_000 });
    return put.ok ? { id, renewedMs } : null;
  }

  private async renew(prefix: string, held: Held): Promise<Held | null> {
    const askedMs = performance.now();
    const outcome = await this.next().exchange('etcdserverpb.Lease/LeaseKeepAlive', { ID: held.id }, 2_000);
    if (!outcome.ok) return held;
    if (Number(outcome.answer['TTL']) > 0) {
      this.renewals++;
      return { id: held.id, renewedMs: askedMs };
    }
    this.endedAt(`${prefix}: its lease`, held);
    return null;
  }

  private async look(prefix: string, held: Held): Promise<void> {
    const count = await this.keys(prefix);
    if (count === 1) this.violations.push(`${prefix}: one of two keys is gone`);
    if (count === 0) this.endedAt(`${prefix}: what hangs on its lease`, held);
  }

  private endedAt(what: string, { renewedMs }: Held): void {
    const afterMs = performance.now() - renewedMs;
    if (afterMs < ttl * 1_000)
      this.violations.push(`${what} was gone ${Math.round(afterMs)} ms after the last renewal`);
  }

  /** How many there are; null if that cannot be told. */
  private async keys(prefix: string): Promise<number | null> {
    const request = { key: Buffer.from(prefix), range_end: Buffer.from(prefix.replace('/', '0')) };
    const outcome = await this.next().call('etcdserverpb.KV/Range', request, { deadlineMs: 2_000 });
    return outcome.ok ? Number(outcome.answer['count']) : null;
  }

  private next(): TestClient {
    const client = this.clients[this.turn++ % this.clients.length];
    if (client === undefined) throw new Error('there are no endpoints');
    return client;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
