/**
 * Records that were read from the backend lately. Every revision has one slot; a newcomer takes it from whoever has it.
 *
 * Hot path: one look-up per key read that was not written lately.
 */

/** 8192 records of at most 4 KiB: 32 MiB, and about 3 MiB for records of usual size. */
const slots = 1 << 13;
const recordBytesMax = 4096;

export class RecordCache {
  bytes = 0;
  /** 0 is an empty slot: no revision has main 0. */
  readonly #mains = new Float64Array(slots);
  readonly #subs = new Uint32Array(slots);
  readonly #records: (Uint8Array | null)[] = new Array<Uint8Array | null>(slots).fill(null);

  get(main: number, sub: number): Uint8Array | null {
    const slot = slotOf(main, sub);
    return this.#mains[slot] === main && this.#subs[slot] === sub ? (this.#records[slot] ?? null) : null;
  }

  /** Keeps a copy, unless the record is too large. */
  add(main: number, sub: number, record: Uint8Array): void {
    if (record.length > recordBytesMax) return;
    const slot = slotOf(main, sub);
    this.bytes += record.length - (this.#records[slot]?.length ?? 0);
    this.#mains[slot] = main;
    this.#subs[slot] = sub;
    this.#records[slot] = Buffer.from(record);
  }
}

function slotOf(main: number, sub: number): number {
  return (main + Math.imul(sub, 0x9e3779b1)) & (slots - 1);
}
