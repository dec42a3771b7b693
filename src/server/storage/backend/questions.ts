/** Requests to the engine that wait for a reply of their own. */
import type { EngineReply } from './messages.ts';

interface Question {
  resolve(reply: EngineReply): void;
  reject(error: Error): void;
}

export class Questions {
  private readonly open = new Map<number, Question>();
  private lastId = 0;

  /** `read` is called at the reply, before any other is taken: what it refers to is still as it was. */
  ask<T>(send: (id: number) => void, read: (reply: EngineReply) => T): Promise<T> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve: (reply) => resolve(read(reply)), reject });
      send(id);
    });
  }

  answer(id: number, reply: EngineReply): void {
    this.take(id)?.resolve(reply);
  }

  refuse(id: number, error: Error): void {
    this.take(id)?.reject(error);
  }

  /** There will be no more replies. */
  fail(error: Error): void {
    for (const id of [...this.open.keys()]) this.refuse(id, error);
  }

  private take(id: number): Question | null {
    const question = this.open.get(id) ?? null;
    this.open.delete(id);
    return question;
  }
}
