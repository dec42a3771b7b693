/** An engine in this thread. */
import type { Disk } from '../../../base/ports.ts';
import { Engine } from './engine.ts';
import type { EngineLink, EngineReply, EngineRequest } from './messages.ts';

/** Calls back later, never at once. */
export type Defer = (callback: () => void) => void;

/** For tests and the simulator: all that happens is in the hands of the disk, of `defer`, and of the queue of promises. */
export class InProcessLink implements EngineLink {
  onReply: (reply: EngineReply) => void = () => undefined;
  private readonly engine: Engine;
  private readonly replies: EngineReply[] = [];

  /** `defer` says when a reply arrives; their order stays. */
  constructor(disk: Disk, defer: Defer) {
    this.engine = new Engine(disk, (reply) => {
      this.replies.push(reply);
      defer(() => this.deliver());
    });
  }

  send(request: EngineRequest): void {
    this.engine.handle(request);
  }

  async end(): Promise<void> {}

  private deliver(): void {
    const reply = this.replies.shift();
    if (reply !== undefined) this.onReply(reply);
  }
}
