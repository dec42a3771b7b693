/** An engine in a thread of its own, so that neither its work nor its garbage delays the member. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { EngineLink, EngineReply, EngineRequest } from './messages.ts';

/** The engine's program, if it lies beside this one as the build puts it; null where the sources run. */
export function bundledWorkerScript(): string | null {
  const script = typeof __dirname === 'string' ? join(__dirname, 'backend-worker.js') : null;
  return script !== null && existsSync(script) ? script : null;
}

export class WorkerLink implements EngineLink {
  onReply: (reply: EngineReply) => void = () => undefined;
  private readonly worker: Worker;
  private ended = false;

  /** Starts the thread; requests sent before it runs wait for it. `syncFaults` is what orders faults of its disk; null: nobody does. */
  constructor(script: string, syncFaults: SharedArrayBuffer | null) {
    this.worker = new Worker(script, { env: SHARE_ENV, execArgv: [], workerData: syncFaults });
    this.worker.on('message', (reply: EngineReply) => this.onReply(reply));
    this.worker.on('error', (error) => this.onReply({ type: 'failed', error, isCorrupt: false }));
    this.worker.on('exit', (code) => {
      if (this.ended) return;
      this.ended = true;
      const error = new Error(`the backend's thread ended with ${code}`);
      this.onReply({ type: 'failed', error, isCorrupt: false });
      this.onReply({ type: 'closed' });
    });
  }

  send(request: EngineRequest): void {
    if (request.type !== 'commit') {
      this.worker.postMessage(request);
      return;
    }
    // Copied, not moved: the member reads its own writes in these bytes. A buffer that both share would be invisible to the collector.
    const parts = request.batch.parts.map((part) => new Uint8Array(part));
    const moved = parts.map(({ buffer }) => buffer);
    this.worker.postMessage({ ...request, batch: { ...request.batch, parts } }, moved);
  }

  async end(): Promise<void> {
    this.ended = true;
    await this.worker.terminate();
  }
}
