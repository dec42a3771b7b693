/** The static and the dynamic table of HPACK (RFC 7541 §2.3 and appendix A). */

/** Name and value of each entry of the static table, in order; the first has index 1. */
const staticEntries = [
  ':authority',
  '',
  ':method',
  'GET',
  ':method',
  'POST',
  ':path',
  '/',
  ':path',
  '/index.html',
  ':scheme',
  'http',
  ':scheme',
  'https',
  ':status',
  '200',
  ':status',
  '204',
  ':status',
  '206',
  ':status',
  '304',
  ':status',
  '400',
  ':status',
  '404',
  ':status',
  '500',
  'accept-charset',
  '',
  'accept-encoding',
  'gzip, deflate',
  'accept-language',
  '',
  'accept-ranges',
  '',
  'accept',
  '',
  'access-control-allow-origin',
  '',
  'age',
  '',
  'allow',
  '',
  'authorization',
  '',
  'cache-control',
  '',
  'content-disposition',
  '',
  'content-encoding',
  '',
  'content-language',
  '',
  'content-length',
  '',
  'content-location',
  '',
  'content-range',
  '',
  'content-type',
  '',
  'cookie',
  '',
  'date',
  '',
  'etag',
  '',
  'expect',
  '',
  'expires',
  '',
  'from',
  '',
  'host',
  '',
  'if-match',
  '',
  'if-modified-since',
  '',
  'if-none-match',
  '',
  'if-range',
  '',
  'if-unmodified-since',
  '',
  'last-modified',
  '',
  'link',
  '',
  'location',
  '',
  'max-forwards',
  '',
  'proxy-authenticate',
  '',
  'proxy-authorization',
  '',
  'range',
  '',
  'referer',
  '',
  'refresh',
  '',
  'retry-after',
  '',
  'server',
  '',
  'set-cookie',
  '',
  'strict-transport-security',
  '',
  'transfer-encoding',
  '',
  'user-agent',
  '',
  'vary',
  '',
  'via',
  '',
  'www-authenticate',
  '',
] as const;

export const staticTableSize = staticEntries.length / 2;

/** Name of the static entry at a 1-based index that is in range. */
export function staticName(index: number): string {
  return staticEntries[2 * index - 2] as string;
}

/** Value of the static entry at a 1-based index that is in range. */
export function staticValue(index: number): string {
  return staticEntries[2 * index - 1] as string;
}

/** The size of a table at the start of a connection, and of SETTINGS_HEADER_TABLE_SIZE when it is not sent. */
export const defaultTableBytes = 4096;

/** What an entry counts beyond its name and value (RFC 7541 §4.1). */
const entryOverheadBytes = 32;

export function entryBytes(name: string, value: string): number {
  return name.length + value.length + entryOverheadBytes;
}

/**
 * The dynamic table: a ring of the newest entries whose sizes sum up to at most `capacity` bytes.
 * Invariant: `bytes` is the sum of the sizes of the `count` entries, and `bytes <= capacity <= limit`.
 */
export class DynamicTable {
  /** The most that `capacity` may be set to. */
  limit: number;
  capacity: number;
  bytes = 0;
  count = 0;
  /** Grows with every change, so that a block decoded or encoded at one version is reusable only at the same. */
  version = 0;
  private names: string[] = [];
  private values: string[] = [];
  /** Where the next entry goes; the ring's length is a power of two. */
  private head = 0;
  private mask = 0;

  constructor(limit: number) {
    this.limit = limit;
    this.capacity = limit;
  }

  /** The name of entry `index`, 0 being the newest; the caller has checked `index < count`. */
  name(index: number): string {
    return this.names[(this.head - 1 - index) & this.mask] as string;
  }

  value(index: number): string {
    return this.values[(this.head - 1 - index) & this.mask] as string;
  }

  /** Adds an entry and evicts the oldest ones that no longer fit. One larger than the table just empties it. */
  add(name: string, value: string): void {
    this.version++;
    const bytes = entryBytes(name, value);
    this.evict(this.capacity - bytes);
    if (bytes > this.capacity) return;
    if (this.count === this.names.length) this.widen();
    this.names[this.head] = name;
    this.values[this.head] = value;
    this.head = (this.head + 1) & this.mask;
    this.count++;
    this.bytes += bytes;
  }

  resize(capacity: number): void {
    this.version++;
    this.capacity = capacity;
    this.evict(capacity);
  }

  /** The index of an equal entry, or -1. */
  find(name: string, value: string): number {
    for (let index = 0; index < this.count; index++) {
      if (this.name(index) === name && this.value(index) === value) return index;
    }
    return -1;
  }

  private evict(target: number): void {
    while (this.count > 0 && this.bytes > target) {
      const oldest = this.count - 1;
      this.bytes -= entryBytes(this.name(oldest), this.value(oldest));
      // Long values must not live on in slots that are out of use.
      const slot = (this.head - 1 - oldest) & this.mask;
      this.names[slot] = '';
      this.values[slot] = '';
      this.count--;
    }
  }

  private widen(): void {
    const names: string[] = [];
    const values: string[] = [];
    for (let index = this.count - 1; index >= 0; index--) {
      names.push(this.name(index));
      values.push(this.value(index));
    }
    const length = Math.max(8, 2 * this.count);
    while (names.length < length) {
      names.push('');
      values.push('');
    }
    this.names = names;
    this.values = values;
    this.head = this.count;
    this.mask = length - 1;
  }
}
