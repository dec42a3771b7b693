/**
 * A simulated file: sparse sectors as programs see them, and for each sector and the length all the versions that a crash may
 * bring back, the synced one and every one since.
 */
import type { Random } from '../base/ports.ts';

/** What a disk writes whole or not at all. */
export const sectorBytes = 512;
const zeroSector = Buffer.alloc(sectorBytes);

export class SimFile {
  length = 0;
  /** No other file of the disk has it. */
  readonly number: number;
  /** Sectors that hold something else than zeros. A sector's bytes are never changed once they are here. */
  private readonly sectors = new Map<number, Buffer>();
  /** The synced version and all but the newest since, of sectors that were written since the last sync. */
  private readonly older = new Map<number, Buffer[]>();
  private olderLengths: number[] = [];

  constructor(number: number) {
    this.number = number;
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.length - position));
    for (let done = 0; done < count; ) {
      const at = position + done;
      const from = at % sectorBytes;
      const share = Math.min(sectorBytes - from, count - done);
      into.set(this.sector(Math.floor(at / sectorBytes)).subarray(from, from + share), done);
      done += share;
    }
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const from = at % sectorBytes;
      const share = Math.min(sectorBytes - from, bytes.length - done);
      this.patch(Math.floor(at / sectorBytes), from, bytes.subarray(done, done + share));
      done += share;
    }
    if (bytes.length > 0 && position + bytes.length > this.length) this.resize(position + bytes.length);
  }

  truncate(length: number): void {
    if (length < this.length) this.zeroFrom(length);
    if (length !== this.length) this.resize(length);
  }

  sync(): void {
    this.older.clear();
    this.olderLengths = [];
  }

  /**
   * A sync failed: as on Linux, some of what was unsynced counts as clean from now on though it never reached the disk. It can still
   * be read, and no later sync will write it.
   */
  loseUnsynced(random: Random): void {
    for (const [number, versions] of this.older) {
      const [synced] = versions;
      if (synced !== undefined && random.below(2) === 0) this.lost.set(number, synced);
    }
    this.sync();
  }

  private readonly lost = new Map<number, Buffer>();

  /** Brings back, for the length and each sector, any version since the last sync. */
  crash(random: Random): void {
    // Now and then all or nothing survives, as with a real cache; else each sector for itself.
    const mood = random.below(4);
    const pick = <T>(older: readonly T[], newest: T): T => {
      const at = mood === 0 ? 0 : mood === 1 ? older.length : random.below(older.length + 1);
      return older[at] ?? newest;
    };
    for (const [number, synced] of this.lost) this.set(number, synced);
    for (const [number, versions] of this.older) this.set(number, pick(versions, this.sector(number)));
    const length = pick(this.olderLengths, this.length);
    this.lost.clear();
    // What came back beyond the end is gone all the same: a file that grows again reads as zeros there.
    this.zeroFrom(length);
    this.length = length;
    this.sync();
  }

  flipBit(offset: number, bit: number): void {
    const number = Math.floor(offset / sectorBytes);
    const bytes = Buffer.from(this.sector(number));
    const at = offset % sectorBytes;
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    this.set(number, bytes);
  }

  private sector(number: number): Buffer {
    return this.sectors.get(number) ?? zeroSector;
  }

  private zeroFrom(position: number): void {
    const from = position % sectorBytes;
    const first = Math.floor(position / sectorBytes);
    if (from > 0) this.patch(first, from, zeroSector.subarray(from));
    const firstWhole = from > 0 ? first + 1 : first;
    for (const number of [...this.sectors.keys()]) if (number >= firstWhole) this.replace(number, zeroSector);
  }

  private patch(number: number, from: number, bytes: Uint8Array): void {
    const patched = Buffer.from(this.sector(number));
    patched.set(bytes, from);
    this.replace(number, patched);
  }

  /** A new version of a sector; the one before may come back at a crash. */
  private replace(number: number, bytes: Buffer): void {
    const before = this.lost.get(number) ?? this.sector(number);
    this.lost.delete(number);
    const versions = this.older.get(number);
    if (versions === undefined) this.older.set(number, [before]);
    else versions.push(before);
    this.set(number, bytes);
  }

  private set(number: number, bytes: Buffer): void {
    if (bytes.equals(zeroSector)) this.sectors.delete(number);
    else this.sectors.set(number, bytes);
  }

  private resize(length: number): void {
    this.olderLengths.push(this.length);
    this.length = length;
  }
}
