/**
 * Keys of late and their rows: a store of many revisions has few keys, and looking one up here takes a fifth of the time that the index
 * takes. A table that forgets: each key has one place, by its hash, and takes it from the one that was there.
 */
const placesLog2 = 13;
const places = 1 << placesLog2;
/** Longer keys are not remembered. */
const keyBytesMax = 120;
/** A place: the length of the key, 0 if it is free, and the key. */
const placeBytes = 1 + keyBytesMax;

/** After so many keys it is known whether most of them are new, as they are in a store of few revisions: then nothing is looked up. */
const trialKeys = 1 << 16;
const hitShareMin = 0.25;

export class RowMemo {
  readonly #keys = new Uint8Array(places * placeBytes);
  readonly #rows = new Uint32Array(places);
  /** Where the key of the last `find` belongs; -1 if it is too long. */
  #place = -1;
  #asked = 0;
  #hits = 0;
  #isOff = false;

  /** The row of the key in `bytes[start, end)`; 0 if it is not known. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length === 0 || length > keyBytesMax || this.#isOff) {
      this.#place = -1;
      return 0;
    }
    if (++this.#asked === trialKeys) this.#isOff = this.#hits < trialKeys * hitShareMin;
    // FNV-1a.
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
    this.#place = (hash ^ (hash >>> placesLog2)) & (places - 1);
    const keys = this.#keys;
    const known = this.#place * placeBytes;
    if (keys[known] !== length) return 0;
    for (let i = 0; i < length; i++) if (keys[known + 1 + i] !== bytes[start + i]) return 0;
    this.#hits++;
    return this.#rows[this.#place] as number;
  }

  /** Remembers the row of the key that the last call, `find`, did not know. */
  add(key: Uint8Array, row: number): void {
    if (this.#place === -1) return;
    const at = this.#place * placeBytes;
    this.#keys[at] = key.length;
    for (let i = 0; i < key.length; i++) this.#keys[at + 1 + i] = key[i] as number;
    this.#rows[this.#place] = row;
  }
}
