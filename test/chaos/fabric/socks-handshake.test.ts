import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SocksHandshake } from '../../../src/chaos/fabric/socks-handshake.ts';
import { cutAt, places } from './chunkings.ts';

/** All that a client sends, were it sure of the answers. */
function greeting(username: string, password: string, address: readonly number[], rest = ''): Buffer {
  const [name, secret] = [Buffer.from(username), Buffer.from(password)];
  const credentials = Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(secret.length), secret]);
  return Buffer.concat([Buffer.of(5, 2, 0, 2), credentials, Buffer.of(5, 1, 0, ...address), Buffer.from(rest)]);
}

function run(chunks: readonly Buffer[]) {
  const handshake = new SocksHandshake();
  const said: string[] = [];
  for (const chunk of chunks) {
    handshake.push(chunk);
    for (let step = handshake.next(); step.type !== 'more'; step = handshake.next()) {
      if (step.type === 'request') return { said, ...step.request, rest: step.request.rest.toString() };
      said.push(step.bytes.toString('hex'));
      if (step.type === 'refuse') return { said, refused: true };
    }
  }
  return { said };
}

describe('the SOCKS handshake', () => {
  it('learns who dials whom, over any chunking', () => {
    const ipv4 = [1, 192, 0, 2, 7, 0x09, 0x4c];
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 60 }), places, (username, password, cuts) => {
        const last = greeting(username, password, ipv4);
        expect(run(cutAt(last, cuts))).toEqual({
          said: ['0502', '0100'],
          username,
          password,
          host: '192.0.2.7',
          port: 2380,
          rest: '',
        });
      }),
    );
  });

  it('understands names and IPv6 addresses, and keeps what comes early', () => {
    const name = [3, 4, ...Buffer.from('etcd'), 0, 80];
    expect(run([greeting('a', 'x', name, 'GET')])).toMatchObject({ host: 'etcd', port: 80, rest: 'GET' });
    const ipv6 = [4, ...Array.from({ length: 15 }, () => 0), 1, 0, 80];
    expect(run([greeting('a', 'x', ipv6)])).toMatchObject({ host: '0:0:0:0:0:0:0:1' });
  });

  it.each([
    ['SOCKS4', Buffer.of(4, 1, 0, 80), ['']],
    ['a client without a name', Buffer.of(5, 1, 0), ['05ff']],
    ['BIND', greeting('a', 'x', [1, 1, 2, 3, 4, 0, 80]).fill(2, 10, 11), ['0502', '0100', '05070001']],
    ['an unknown kind of address', greeting('a', 'x', [9, 1, 2, 3, 4, 0, 80]), ['0502', '0100', '05080001']],
  ])('refuses %s', (_name, bytes, said) => {
    const result = run([bytes]);
    expect(result).toMatchObject({ refused: true });
    expect(result.said.map((one) => one.slice(0, 8))).toEqual(said);
  });
});
