/** The server's side of a SOCKS5 greeting (RFC 1928) with a name and a password (RFC 1929), over any chunking. Pure. */

export interface SocksRequest {
  readonly username: string;
  readonly password: string;
  /** A name or an address, as the client has it. */
  readonly host: string;
  readonly port: number;
  /** What the client sent after it. */
  readonly rest: Buffer;
}

export type SocksStep =
  | { readonly type: 'more' }
  /** Sends this, and goes on. */
  | { readonly type: 'say'; readonly bytes: Buffer }
  /** Sends this, and hangs up. */
  | { readonly type: 'refuse'; readonly bytes: Buffer }
  | { readonly type: 'request'; readonly request: SocksRequest };

const version = 5;
const connectCommand = 1;
const passwordMethod = 2;
const addressType = { ipv4: 1, domain: 3, ipv6: 4 } as const;

/** Replies to a request (RFC 1928 section 6). */
export const socksReply = {
  ok: 0,
  hostUnreachable: 4,
  connectionRefused: 5,
  commandUnknown: 7,
  addressUnknown: 8,
} as const;

/** The reply to a request; the address in it is of no use to anybody. */
export function socksAnswer(reply: number): Buffer {
  return Buffer.from([version, reply, 0, addressType.ipv4, 127, 0, 0, 1, 0, 0]);
}

const more: SocksStep = { type: 'more' };

/** Waits for at most the 513 bytes of the longest credentials. */
export class SocksHandshake {
  #bytes: Buffer = Buffer.alloc(0);
  #expects: 'greeting' | 'password' | 'request' = 'greeting';
  #username = '';
  #password = '';

  /** Takes what arrived; steps follow until one is `more`, `refuse` or `request`. */
  push(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
  }

  next(): SocksStep {
    switch (this.#expects) {
      case 'greeting':
        return this.#greeting();
      case 'password':
        return this.#credentials();
      case 'request':
        return this.#request();
    }
  }

  #greeting(): SocksStep {
    const [first, count] = this.#bytes;
    if (first !== undefined && first !== version) return { type: 'refuse', bytes: Buffer.alloc(0) };
    if (count === undefined || this.#bytes.length < 2 + count) return more;
    const methods = this.#take(2 + count).subarray(2);
    if (!methods.includes(passwordMethod)) return { type: 'refuse', bytes: Buffer.from([version, 0xff]) };
    this.#expects = 'password';
    return { type: 'say', bytes: Buffer.from([version, passwordMethod]) };
  }

  #credentials(): SocksStep {
    const nameLength = this.#bytes[1];
    const passwordLength = nameLength === undefined ? undefined : this.#bytes[2 + nameLength];
    if (nameLength === undefined || passwordLength === undefined) return more;
    const length = 3 + nameLength + passwordLength;
    if (this.#bytes.length < length) return more;
    const bytes = this.#take(length);
    this.#username = bytes.toString('utf8', 2, 2 + nameLength);
    this.#password = bytes.toString('utf8', 3 + nameLength);
    this.#expects = 'request';
    return { type: 'say', bytes: Buffer.from([1, 0]) };
  }

  #request(): SocksStep {
    if (this.#bytes.length < 5) return more;
    const [, command, , type, first = 0] = this.#bytes;
    if (command !== connectCommand) return { type: 'refuse', bytes: socksAnswer(socksReply.commandUnknown) };
    const [at, hostLength] = hostSpan(type, first);
    if (hostLength === 0) return { type: 'refuse', bytes: socksAnswer(socksReply.addressUnknown) };
    if (this.#bytes.length < at + hostLength + 2) return more;
    const bytes = this.#take(at + hostLength + 2);
    const host = hostText(type, bytes.subarray(at, at + hostLength));
    const port = bytes.readUInt16BE(at + hostLength);
    const rest = this.#take(this.#bytes.length);
    return { type: 'request', request: { username: this.#username, password: this.#password, host, port, rest } };
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }
}

/** Where in a request the host is, and its length; 0 if there is none. */
function hostSpan(type: number | undefined, first: number): readonly [number, number] {
  if (type === addressType.ipv4) return [4, 4];
  if (type === addressType.ipv6) return [4, 16];
  return type === addressType.domain ? [5, first] : [4, 0];
}

function hostText(type: number | undefined, bytes: Buffer): string {
  if (type === addressType.ipv4) return bytes.join('.');
  if (type === addressType.domain) return bytes.toString('latin1');
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16)).join(':');
}
