/**
 * A set of revisions, as large as the number of keys: hash table in typed arrays with open addressing.
 *
 * Hot path: hashing a compacted store asks it once per record.
 */
const capacityMin = 1024;
/** Part of the slots that are taken when the table doubles, which takes long: say how many there will be. */
const loadMax = 0.6;

export class RevisionSet {
  size = 0;
  /** 0 is an empty slot: no revision has main 0. */
  #mains: Float64Array;
  #subs: Uint32Array;

  constructor(expectedSize: number) {
    let capacity = capacityMin;
    while (capacity * loadMax < expectedSize) capacity *= 2;
    this.#mains = new Float64Array(capacity);
    this.#subs = new Uint32Array(capacity);
  }

  add(main: number, sub: number): void {
    if (this.size >= this.#mains.length * loadMax) this.#grow();
    const slot = this.#slotOf(main, sub);
    if (this.#mains[slot] !== 0) return;
    this.#mains[slot] = main;
    this.#subs[slot] = sub;
    this.size++;
  }

  has(main: number, sub: number): boolean {
    return this.#mains[this.#slotOf(main, sub)] !== 0;
  }

  /** The slot of a revision, or the empty one where it belongs. */
  #slotOf(main: number, sub: number): number {
    const mask = this.#mains.length - 1;
    let slot = (Math.imul(main % 2 ** 32, 0x9e3779b1) ^ Math.imul(sub, 0x85ebca6b)) & mask;
    while (this.#mains[slot] !== 0 && (this.#mains[slot] !== main || this.#subs[slot] !== sub))
      slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const mains = this.#mains;
    const subs = this.#subs;
    this.#mains = new Float64Array(mains.length * 2);
    this.#subs = new Uint32Array(mains.length * 2);
    this.size = 0;
    for (let i = 0; i < mains.length; i++) {
      if (mains[i] !== 0) this.add(mains[i] as number, subs[i] as number);
    }
  }
}
