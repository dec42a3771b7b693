/**
 * The window of append messages that were sent to one follower and not yet acknowledged, bounded by count and by bytes.
 * Hot path: a ring over two arrays that grow to the window's size only if it is used.
 */
import { invariant } from '../../base/assert.ts';

export class Inflights {
  private readonly countMax: number;
  private readonly bytesMax: number;
  private lastIndexes: number[] = [];
  private sizes: number[] = [];
  private head = 0;
  private used = 0;
  private bytes = 0;

  /** A window of at most `countMax` messages. It is also full once its messages hold `bytesMax` bytes or more. */
  constructor(countMax: number, bytesMax: number) {
    this.countMax = countMax;
    this.bytesMax = bytesMax;
  }

  get count(): number {
    return this.used;
  }

  get full(): boolean {
    return this.used === this.countMax || this.bytes >= this.bytesMax;
  }

  /** Records a message whose last entry is `lastIndex`. Indexes must come in ascending order; the window must not be full. */
  add(lastIndex: number, bytes: number): void {
    invariant(!this.full, 'cannot add into a Full inflights');
    if (this.used === this.lastIndexes.length) this.grow();
    const slot = this.slot(this.used);
    this.lastIndexes[slot] = lastIndex;
    this.sizes[slot] = bytes;
    this.used++;
    this.bytes += bytes;
  }

  /** Forgets every message whose last entry is at or below `index`. */
  freeThrough(index: number): void {
    while (this.used > 0 && (this.lastIndexes[this.head] as number) <= index) {
      this.bytes -= this.sizes[this.head] as number; // head is a used slot
      this.head = this.slot(1);
      this.used--;
    }
  }

  clear(): void {
    this.head = 0;
    this.used = 0;
    this.bytes = 0;
  }

  private slot(offset: number): number {
    const slot = this.head + offset;
    return slot < this.lastIndexes.length ? slot : slot - this.lastIndexes.length;
  }

  private grow(): void {
    const size = Math.max(8, this.used * 2);
    const lastIndexes = new Array<number>(size).fill(0);
    const sizes = new Array<number>(size).fill(0);
    for (let i = 0; i < this.used; i++) {
      const slot = this.slot(i);
      lastIndexes[i] = this.lastIndexes[slot] as number; // i < used
      sizes[i] = this.sizes[slot] as number;
    }
    this.lastIndexes = lastIndexes;
    this.sizes = sizes;
    this.head = 0;
  }
}
