/** An engine in this thread. */
import type { Disk } from '../../../base/ports.ts';
import { Engine } from './engine.ts';
import type { EngineLink, EngineReply, EngineRequest } from './messages.ts';

/** For tests and the simulator: all that happens is in the hands of the disk and the queue of promises. */
export class InProcessLink implements EngineLink {
  onReply: (reply: EngineReply) => void = () => undefined;
  private readonly engine: Engine;

  constructor(disk: Disk) {
    this.engine = new Engine(disk, (reply) => queueMicrotask(() => this.onReply(reply)));
  }

  send(request: EngineRequest): void {
    this.engine.handle(request);
  }

  async end(): Promise<void> {}
}
