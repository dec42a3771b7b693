import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as connectPlain, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseCommand } from '../../../src/server/config/command.ts';
import type { EtcdConfig, TlsFiles } from '../../../src/server/config/config.ts';
import { openMemberTls } from '../../../src/server/tls/open.ts';
import { type Authority, createAuthority } from '../../support/certificates.ts';
import { recordingLogger } from './recording-logger.ts';

let folder: string;
let authority: Authority;
let server: Server | null = null;
let lines: Record<string, unknown>[] = [];
let wake: () => void = () => {};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-tls-'));
  authority = createAuthority(folder);
  lines = [];
});
afterEach(() => {
  server?.close();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

async function configOf(flags: readonly string[]): Promise<EtcdConfig> {
  const args = [...flags, `--data-dir=${join(folder, 'data')}`];
  const command = await parseCommand({ program: 'etcd', args, environment: {}, readFile: () => '' });
  if (command.type !== 'run') throw new Error(JSON.stringify(command));
  return command.config;
}

/** A port behind a gate that says "hello" to whom it lets in. */
async function guarded(flags: readonly string[], side: 'client' | 'peer' = 'client'): Promise<number> {
  const logger = recordingLogger((line) => {
    lines.push(line);
    wake();
  });
  const tls = openMemberTls(await configOf(flags), Date.now(), logger);
  if (!tls.ok) throw new Error(tls.error);
  const gate = tls.value.gate(side, ['http/1.1', 'h2'], (socket) => socket.end('hello'));
  if (gate === null) throw new Error('there is no certificate');
  server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => gate.accept(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What the server says, or the code of why there is no connection. */
function ask(port: number, options: ConnectionOptions): Promise<{ text: string; protocol: string; subject: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port, ...options });
    let protocol = '';
    let subject = '';
    socket.once('secureConnect', () => {
      protocol = String(socket.alpnProtocol);
      subject = socket.getPeerX509Certificate()?.subject ?? '';
    });
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    socket.once('error', reject);
    socket.once('close', () => resolve({ text, protocol, subject }));
  });
}

async function refusal(): Promise<Record<string, unknown>> {
  for (;;) {
    const line = lines.find((one) => String(one['msg']).startsWith('rejected connection'));
    if (line !== undefined) return line;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

function flagsOf(files: Partial<Record<keyof TlsFiles, string>>, prefix = ''): string[] {
  const names: Partial<Record<keyof TlsFiles, string>> = {
    certFile: 'cert-file',
    keyFile: 'key-file',
    trustedCaFile: 'trusted-ca-file',
  };
  return Object.entries(files).map(([key, file]) => `--${prefix}${names[key as keyof TlsFiles]}=${file}`);
}

describe('a port behind TLS', () => {
  it('lets in who trusts its certificate, and answers in HTTP/1.1 whom it can', async () => {
    const port = await guarded(flagsOf(authority.issue('server', ['127.0.0.1'])));
    const ca = readFileSync(authority.caFile);
    expect(await ask(port, { ca, ALPNProtocols: ['h2', 'http/1.1'] })).toMatchObject({
      text: 'hello',
      protocol: 'http/1.1',
      subject: 'CN=server',
    });
    expect(await ask(port, { ca, ALPNProtocols: ['h2'] })).toMatchObject({ text: 'hello', protocol: 'h2' });
  });

  it('shows a new certificate as soon as its files have changed', async () => {
    const port = await guarded(flagsOf(authority.issue('server', ['127.0.0.1'])));
    const ca = readFileSync(authority.caFile);
    const first = createAuthority(folder, 'other');
    await expect(ask(port, { ca: readFileSync(first.caFile) })).rejects.toThrow();
    first.issue('server', ['127.0.0.1']);
    expect(await ask(port, { ca: readFileSync(first.caFile) })).toMatchObject({ text: 'hello' });
    await expect(ask(port, { ca })).rejects.toThrow();
  });

  it('refuses everybody, and says why, while its files are gone', async () => {
    const files = authority.issue('server', ['127.0.0.1']);
    const port = await guarded(flagsOf(files));
    rmSync(files.keyFile);
    await expect(ask(port, { ca: readFileSync(authority.caFile) })).rejects.toThrow();
    expect(lines.map((line) => line['msg'])).toContain('failed to find peer cert files');
  });

  it('demands a certificate of its authority, if it has one', async () => {
    const files = authority.issue('server', ['127.0.0.1']);
    const port = await guarded(flagsOf({ ...files, trustedCaFile: authority.caFile }));
    const ca = readFileSync(authority.caFile);
    const own = authority.issue('client', []);
    const shown = { cert: readFileSync(own.certFile), key: readFileSync(own.keyFile) };
    expect(await ask(port, { ca, ...shown })).toMatchObject({ text: 'hello' });
    await ask(port, { ca }).catch(() => {});
    expect(await refusal()).toMatchObject({
      msg: 'rejected connection on client endpoint',
      error: "tls: client didn't provide a certificate",
    });
  });

  it('says whose certificate it does not trust', async () => {
    const files = authority.issue('server', ['127.0.0.1']);
    const port = await guarded(flagsOf({ ...files, trustedCaFile: authority.caFile }));
    const stranger = createAuthority(folder, 'stranger').issue('mallory', []);
    const shown = { cert: readFileSync(stranger.certFile), key: readFileSync(stranger.keyFile) };
    const answer = await ask(port, { ca: readFileSync(authority.caFile), ...shown }).catch(() => null);
    expect(answer?.text ?? '').toBe('');
    expect((await refusal())['error']).toContain('x509: certificate signed by unknown authority');
  });

  it.each([
    [
      'a name that is not allowed',
      ['--peer-cert-allowed-cn=etcd1,etcd2'],
      [],
      'client certificate authentication failed',
    ],
    [
      'a host that is not allowed',
      ['--peer-cert-allowed-hostname=etcd1.example'],
      ['etcd3.example'],
      'client certificate authentication failed',
    ],
    ['an address that is not its own', [], ['10.1.2.3'], 'x509: certificate is valid for 10.1.2.3, not 127.0.0.1'],
  ])('refuses a peer with %s', async (_, flags, hosts, error) => {
    const files = authority.issue('server', ['127.0.0.1']);
    const port = await guarded([...flagsOf({ ...files, trustedCaFile: authority.caFile }, 'peer-'), ...flags], 'peer');
    const own = authority.issue('etcd3', hosts);
    const shown = { cert: readFileSync(own.certFile), key: readFileSync(own.keyFile) };
    await ask(port, { ca: readFileSync(authority.caFile), ...shown }).catch(() => null);
    expect(await refusal()).toMatchObject({ msg: 'rejected connection on peer endpoint', error });
  });

  it('tells who speaks plain HTTP to it', async () => {
    const port = await guarded(flagsOf(authority.issue('server', ['127.0.0.1'])));
    const socket = connectPlain(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /health HTTP/1.1\r\n\r\n');
    expect((await refusal())['error']).toBe('tls: first record does not look like a TLS handshake');
    socket.destroy();
  });
});

describe('TLS settings', () => {
  const open = async (flags: readonly string[]) =>
    openMemberTls(
      await configOf(flags),
      Date.now(),
      recordingLogger(() => {}),
    );

  it.each([
    [['--cert-file=nope.crt', '--key-file=nope.key'], 'open nope.crt: no such file or directory'],
    [['--cert-file=nope.crt'], 'KeyFile and CertFile must both be present[key: , cert: nope.crt]'],
    [
      ['--listen-client-urls=https://127.0.0.1:1', '--advertise-client-urls=https://127.0.0.1:1'],
      'TLS key/cert (--cert-file, --key-file) must be provided for client url https://127.0.0.1:1 with HTTPS scheme',
    ],
    [
      ['--listen-metrics-urls=https://127.0.0.1:1'],
      'client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url',
    ],
    [['--auto-tls', '--self-signed-cert-validity=0'], 'selfSignedCertValidity is invalid,it should be greater than 0'],
  ])('%j is refused in etcd’s words', async (flags, error) => {
    expect(await open(flags)).toEqual({ ok: false, error });
  });
});
