/** The fabric as the supervisor has it: in a thread of its own, orders in, answers out. */
import { randomBytes, randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { LinkRule } from '../faults/link-backend.ts';
import type { FabricLink, FabricMember, FabricObservation } from './fabric.ts';
import type { FabricAnswer, FabricOrder, FabricThreadData } from './fabric-protocol.ts';

const seedMax = 2 ** 32;

export class FabricThread {
  readonly #worker: Worker;
  readonly #password: string;
  readonly #port: number;
  readonly #answers: ((answer: FabricAnswer) => void)[] = [];
  /** Why it is over; null while it works. */
  #ended: string | null = null;

  private constructor(worker: Worker, password: string, port: number, onFailed: (message: string) => void) {
    this.#worker = worker;
    this.#password = password;
    this.#port = port;
    worker.on('message', (answer: FabricAnswer) => this.#answers.shift()?.(answer));
    worker.on('error', (error) => {
      const isOurs = this.#ended !== null;
      this.#end(`the fabric between members failed: ${error.message}`);
      if (!isOurs) onFailed(this.#ended ?? '');
    });
    worker.on('exit', () => this.#end('the fabric between members has ended'));
  }

  /**
   * Resolves when it listens. `file` is the bundle of `worker.ts`. `onFailed` hears, once, that it broke: members that use it cannot
   * reach each other any more.
   */
  static start(file: string, onFailed: (message: string) => void): Promise<FabricThread> {
    const password = randomBytes(16).toString('hex');
    const data: FabricThreadData = { password, seed: randomInt(seedMax) };
    const worker = new Worker(file, { workerData: data, name: 'fabric' });
    return new Promise((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => reject(new Error('the fabric ended before it listened')));
      worker.once('message', (answer: FabricAnswer) => {
        worker.off('error', reject);
        if (answer.type === 'listening') resolve(new FabricThread(worker, password, answer.port, onFailed));
        else reject(new Error(`the fabric began with ${answer.type}`));
      });
    });
  }

  /** What a member must be told so that it dials its peers through the fabric. */
  proxyUrl(memberName: string): string {
    return `socks5://${encodeURIComponent(memberName)}:${this.#password}@127.0.0.1:${this.#port}`;
  }

  /** Makes members known. They are, once this resolves. */
  async addMembers(members: readonly FabricMember[]): Promise<void> {
    await this.#ask({ op: 'add-members', members });
  }

  /** As `LinkBackend.setLinks`. */
  async setLinks(rules: readonly LinkRule[]): Promise<Result<void, string>> {
    const answer = await this.#ask({ op: 'set-links', rules });
    return answer.type === 'failed' ? err(answer.error) : ok(undefined);
  }

  /** As `LinkBackend.probe`. */
  async probe(links: readonly FabricLink[]): Promise<void> {
    await this.#ask({ op: 'probe', links });
  }

  /** As `LinkBackend.observed`, with bytes. */
  async observed(): Promise<readonly FabricObservation[]> {
    const answer = await this.#ask({ op: 'observe' });
    return answer.type === 'observed' ? answer.links : [];
  }

  /** Ends the thread, and every connection with it. */
  async close(): Promise<void> {
    this.#ended ??= 'the fabric between members is closed';
    await this.#worker.terminate();
  }

  #ask(order: FabricOrder): Promise<FabricAnswer> {
    const ended = this.#ended;
    if (ended !== null) return Promise.resolve({ type: 'failed', error: ended });
    return new Promise((resolve) => {
      this.#answers.push(resolve);
      this.#worker.postMessage(order);
    });
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    for (const answer of this.#answers.splice(0)) answer({ type: 'failed', error: this.#ended });
  }
}
