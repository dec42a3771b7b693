/**
 * The Huffman code of HPACK (RFC 7541 §5.2 and appendix B).
 *
 * Hot path (mutable tables, built on first use): decoding takes a nibble at a time through a state machine, since the
 * shortest code has five bits, so that a nibble completes at most one symbol.
 */

/** Bits of each symbol's code, one base-36 digit per symbol; the last is EOS. The code is canonical, so lengths are enough. */
const codeLengths =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu';

const endOfString = 256;
const symbols = 257;

/** Transition word: bits 0-8 the next node, bits 9-16 a symbol, then flags. */
const emits = 1 << 17;
const fails = 1 << 18;

interface Tables {
  readonly codes: Uint32Array;
  readonly lengths: Uint8Array;
  /** 16 transitions per inner node of the code tree. */
  readonly transitions: Int32Array;
  /** 1 for nodes at which a string may end: fewer than eight bits, all ones, after the last symbol. */
  readonly accepting: Uint8Array;
}

let built: Tables | undefined;

function tables(): Tables {
  built ??= buildTables();
  return built;
}

function buildTables(): Tables {
  const lengths = Uint8Array.from(codeLengths, (digit) => Number.parseInt(digit, 36));
  const codes = canonicalCodes(lengths);
  // Child links of the tree: an inner node's index, or -(symbol + 1) for a leaf. Node 0 is the root.
  const children = new Int16Array(2 * symbols);
  let nodes = 1;
  for (let symbol = 0; symbol < symbols; symbol++) {
    const code = codes[symbol] as number;
    let node = 0;
    for (let bit = (lengths[symbol] as number) - 1; bit >= 0; bit--) {
      const slot = 2 * node + ((code >>> bit) & 1);
      if (bit === 0) children[slot] = -(symbol + 1);
      else {
        if (children[slot] === 0) children[slot] = nodes++;
        node = children[slot] as number;
      }
    }
  }
  const transitions = new Int32Array(16 * nodes);
  for (let node = 0; node < nodes; node++) {
    for (let nibble = 0; nibble < 16; nibble++) transitions[16 * node + nibble] = transition(children, node, nibble);
  }
  const accepting = new Uint8Array(nodes);
  let node = 0;
  for (let depth = 0; depth < 8; depth++) {
    accepting[node] = 1;
    node = children[2 * node + 1] as number;
  }
  return { codes, lengths, transitions, accepting };
}

function canonicalCodes(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(symbols);
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    for (let symbol = 0; symbol < symbols; symbol++) if (lengths[symbol] === length) codes[symbol] = code++;
    code *= 2;
  }
  return codes;
}

function transition(children: Int16Array, start: number, nibble: number): number {
  let node = start;
  let word = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[2 * node + ((nibble >>> bit) & 1)] as number;
    if (child >= 0) node = child;
    else {
      if (-child - 1 === endOfString) return fails;
      word = emits | ((-child - 1) << 9);
      node = 0;
    }
  }
  return word | node;
}

/** Bytes for strings of up to this many coded bytes are decoded in one shared buffer. */
const scratchCodedBytes = 4096;
let scratch: Buffer | undefined;

/** Decodes bytes[start, end) to a string of one character per octet, or null if the coding is wrong. */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number): string | null {
  const { transitions, accepting } = tables();
  const room = (size: number): Buffer => Buffer.allocUnsafeSlow(Math.ceil((size * 8) / 5));
  scratch ??= room(scratchCodedBytes);
  const out = end - start <= scratchCodedBytes ? scratch : room(end - start);
  let length = 0;
  let node = 0;
  for (let pos = start; pos < end; pos++) {
    const byte = bytes[pos] as number;
    const high = transitions[(node << 4) | (byte >>> 4)] as number;
    if ((high & emits) !== 0) out[length++] = (high >>> 9) & 0xff;
    const low = transitions[((high & 0x1ff) << 4) | (byte & 15)] as number;
    if ((low & emits) !== 0) out[length++] = (low >>> 9) & 0xff;
    if (((high | low) & fails) !== 0) return null;
    node = low & 0x1ff;
  }
  return accepting[node] === 1 ? out.toString('latin1', 0, length) : null;
}

/** Bytes that `text` (one octet per character) takes when coded. */
export function huffmanSize(text: string): number {
  const { lengths } = tables();
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 0xff] as number;
  return (bits + 7) >>> 3;
}

/** Codes `text` into `out` at `pos`, which has room for `huffmanSize(text)` bytes; returns the position after it. */
export function huffmanEncode(text: string, out: Uint8Array, pos: number): number {
  const { codes, lengths } = tables();
  let at = pos;
  // Up to 7 bits wait for their byte; a code adds up to 30, so the accumulator is drained in steps of at most 24 bits.
  let waiting = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    const code = codes[symbol] as number;
    let left = lengths[symbol] as number;
    while (left > 0) {
      const take = Math.min(left, 24 - bits);
      waiting = (waiting << take) | ((code >>> (left - take)) & ((1 << take) - 1));
      bits += take;
      left -= take;
      while (bits >= 8) {
        bits -= 8;
        out[at++] = (waiting >>> bits) & 0xff;
      }
      waiting &= (1 << bits) - 1;
    }
  }
  if (bits > 0) out[at++] = ((waiting << (8 - bits)) | (0xff >>> bits)) & 0xff;
  return at;
}
