/** Batches that the engine has and has not committed yet, and who waits for them. */

interface HandedBatch {
  readonly number: number;
  /** The batches of `Backend.batch` up to this one are complete with it. */
  readonly completes: number;
  readonly bytes: number;
}

interface Waiter {
  readonly number: number;
  resolve(): void;
  reject(error: Error): void;
}

export class HandedOver {
  /** Of all that were handed over and are not committed. */
  bytes = 0;
  private batches: HandedBatch[] = [];
  private waiters: Waiter[] = [];
  private lastNumber = 0;
  /** Of the last that is committed; 0 says that the engine has opened the file. */
  private settledNumber = -1;

  /** Returns the number that the engine will know the batch by. */
  add(completes: number, bytes: number): number {
    this.batches.push({ number: ++this.lastNumber, completes, bytes });
    this.bytes += bytes;
    return this.lastNumber;
  }

  /** All up to `number` are committed. Returns up to which of `Backend.batch` they are complete, or null if there were none. */
  settle(number: number): number | null {
    this.settledNumber = number;
    let completes: number | null = null;
    for (let [first] = this.batches; first !== undefined && first.number <= number; [first] = this.batches) {
      completes = first.completes;
      this.bytes -= first.bytes;
      this.batches.shift();
    }
    const done = this.waiters.filter((waiter) => waiter.number <= number);
    this.waiters = this.waiters.filter((waiter) => waiter.number > number);
    for (const waiter of done) waiter.resolve();
    return completes;
  }

  /** Resolves when the engine has opened the file and committed everything that it was given by now. */
  all(): Promise<void> {
    const number = this.lastNumber;
    if (this.settledNumber >= number) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.push({ number, resolve, reject }));
  }

  /** Nothing more will be committed. */
  fail(error: Error): void {
    for (const waiter of this.waiters.splice(0)) waiter.reject(error);
  }
}
