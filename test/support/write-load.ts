/**
 * Writers that remember what was acknowledged. Each owns its keys and writes rising numbers, so that after any crash the cluster must
 * hold, for each key, a number from the last acknowledged to the last attempted: less is a lost write, more is an invented one.
 */
import { TestClient } from './client.ts';

interface KeyHistory {
  acknowledged: number;
  attempted: number;
}

export class WriteLoad {
  private readonly histories = new Map<string, KeyHistory>();
  private readonly clients: TestClient[];
  private running = true;
  private loops: Promise<void>[] = [];
  acknowledgedWrites = 0;
  private lastFailure = 'none';

  /** `writers` loops, each putting in turn to one of `keysPerWriter` keys through the endpoints in turn. */
  constructor(endpoints: readonly string[], writers: number, keysPerWriter = 5) {
    this.clients = endpoints.map((endpoint) => new TestClient(endpoint));
    for (let writer = 0; writer < writers; writer++) this.loops.push(this.write(writer, keysPerWriter));
  }

  private async write(writer: number, keys: number): Promise<void> {
    for (let round = 1; this.running; round++) {
      const key = `writer-${writer}/key-${round % keys}`;
      const history = this.histories.get(key) ?? { acknowledged: 0, attempted: 0 };
      this.histories.set(key, history);
      history.attempted = round;
      const client = this.clients[(writer + round) % this.clients.length];
      if (client === undefined) return;
      const outcome = await client.put(key, String(round).padStart(10, '0'), 1_000);
      if (outcome.ok) {
        history.acknowledged = round;
        this.acknowledgedWrites++;
      } else {
        this.lastFailure = outcome.message;
        await new Promise((done) => setTimeout(done, 5));
      }
    }
  }

  /** Resolves when `count` more writes were acknowledged; rejects after `patienceMs` without. */
  async acknowledges(count: number, patienceMs = 20_000): Promise<void> {
    const target = this.acknowledgedWrites + count;
    const deadline = Date.now() + patienceMs;
    while (this.acknowledgedWrites < target) {
      if (Date.now() > deadline)
        throw new Error(
          `only ${this.acknowledgedWrites} of ${target} writes were acknowledged within ${patienceMs / 1_000} s; the last failure: ${this.lastFailure}`,
        );
      await new Promise((done) => setTimeout(done, 2));
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await Promise.all(this.loops);
    this.loops = [];
  }

  /** Reads every key at `endpoint`, linearizably; returns what contradicts the acknowledgements. */
  async violations(endpoint: string): Promise<string[]> {
    const client = new TestClient(endpoint);
    const found: string[] = [];
    for (const [key, { acknowledged, attempted }] of this.histories) {
      const outcome = await client.get(key);
      if (!outcome.ok) {
        found.push(`${key}: ${outcome.message}`);
        continue;
      }
      const kvs = outcome.answer['kvs'] as readonly { readonly value: Buffer }[];
      const value = Number(kvs[0]?.value.toString() ?? 0);
      if (value < acknowledged) found.push(`${key}: ${value} was read, ${acknowledged} was acknowledged`);
      if (value > attempted) found.push(`${key}: ${value} was read, only ${attempted} was attempted`);
    }
    client.close();
    return found;
  }

  close(): void {
    for (const client of this.clients) client.close();
  }
}

/** HashKV of each endpoint at the same revision; equal content gives equal hashes. */
export async function hashesOf(endpoints: readonly string[]): Promise<string[]> {
  const clients = endpoints.map((endpoint) => new TestClient(endpoint));
  try {
    // A linearizable read brings every member up to the same revision first.
    const reads = await Promise.all(clients.map((client) => client.get('any')));
    const revision =
      reads.map((read) => (read.ok ? Number((read.answer['header'] as { revision: string }).revision) : 0))[0] ?? 0;
    return await Promise.all(
      clients.map(async (client) => {
        const outcome = await client.call('etcdserverpb.Maintenance/HashKV', { revision });
        return outcome.ok ? `${outcome.answer['hash']}@${revision}` : outcome.message;
      }),
    );
  } finally {
    for (const client of clients) client.close();
  }
}
