/** A simulated directory: what programs see, what would survive a crash, and the changes in between. */
import type { Random } from '../base/ports.ts';
import type { SimFile } from './disk-file.ts';

export type SimNode = SimFile | SimDirectory;

/** Names that change together; null removes. A rename within a directory is one such change: it is atomic. */
type Change = ReadonlyArray<readonly [name: string, node: SimNode | null]>;

export class SimDirectory {
  private current = new Map<string, SimNode>();
  private durable = new Map<string, SimNode>();
  private unsynced: Change[] = [];

  get(name: string): SimNode | null {
    return this.current.get(name) ?? null;
  }

  names(): string[] {
    return [...this.current.keys()].sort();
  }

  bind(name: string, node: SimNode): void {
    this.change([[name, node]]);
  }

  unbind(name: string): void {
    this.change([[name, null]]);
  }

  move(from: string, to: string, node: SimNode): void {
    this.change([
      [from, null],
      [to, node],
    ]);
  }

  sync(): void {
    this.durable = new Map(this.current);
    this.unsynced = [];
  }

  /** Keeps each unsynced change or loses it; then everything below crashes, too. */
  crash(random: Random): void {
    for (const change of this.unsynced) if (random.below(2) === 0) apply(this.durable, change);
    this.unsynced = [];
    this.current = new Map(this.durable);
    for (const node of this.current.values()) node.crash(random);
  }

  private change(change: Change): void {
    apply(this.current, change);
    this.unsynced.push(change);
  }
}

function apply(names: Map<string, SimNode>, change: Change): void {
  for (const [name, node] of change) {
    if (node === null) names.delete(name);
    else names.set(name, node);
  }
}
