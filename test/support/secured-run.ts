/** Three etcds over TLS under `clusterctl start`, by a Procfile, and what the run tells of them: for tests of any etcd. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Installation } from '../e2e/supervisor-harness.ts';
import { Run } from '../e2e/supervisor-harness.ts';
import type { Issued } from './certificates.ts';
import { createAuthority } from './certificates.ts';
import { freePorts } from './ports.ts';

const bin = resolve(import.meta.dirname ?? '.', '../../bin/clusterctl');

export interface SecuredRunOptions {
  /** The first word of each line of the Procfile. */
  readonly etcd: string;
  /**
   * Where the client certificate comes from; the members' own, if it is not said. `strangers`: clusterctl.yaml names one that they
   * do not take.
   */
  readonly clients?: 'own' | 'settings' | 'environment' | 'strangers';
  /** In place of certificates and the demand for them. */
  readonly flags?: string;
  /** Clients come by unix sockets. */
  readonly sockets?: boolean;
}

interface Member {
  readonly name: string;
  readonly member: Readonly<Record<string, unknown>>;
}

const names = ['etcd1', 'etcd2', 'etcd3'];

class SecuredRun {
  readonly #installation: Installation;
  readonly #cwd: string;
  readonly run: Run;

  private constructor(cwd: string, env: Readonly<Record<string, string>>) {
    this.#installation = { folder: cwd, bin, remove: () => {} };
    this.#cwd = cwd;
    this.run = new Run(this.#installation, { cwd, args: ['start', '--tui=false', '--output', 'ndjson'], env });
  }

  static async start(folder: string, options: SecuredRunOptions): Promise<SecuredRun> {
    const { etcd, clients = 'own', sockets = false } = options;
    const authority = createAuthority(folder);
    const own = authority.issue('member', ['127.0.0.1']);
    const client =
      clients === 'strangers' ? createAuthority(folder, 'stranger').issue('x', []) : authority.issue('x', []);
    const flags =
      options.flags ??
      `--cert-file member.crt --key-file ${own.keyFile} --trusted-ca-file ${authority.caFile} --client-cert-auth`;
    const ports = await freePorts(6);
    const urlOf = (at: number) => (sockets ? `unix://localhost:${ports[at]}` : `https://127.0.0.1:${ports[at]}`);
    const peerOf = (at: number) => `http://127.0.0.1:${ports[3 + at]}`;
    const cluster = names.map((name, at) => `${name}=${peerOf(at)}`).join(',');
    const lines = names.map(
      (name, at) =>
        `${name}: ${etcd} --name ${name} --listen-client-urls ${urlOf(at)} --advertise-client-urls ${urlOf(at)}` +
        ` --listen-peer-urls ${peerOf(at)} --initial-advertise-peer-urls ${peerOf(at)} --initial-cluster ${cluster} ${sockets ? '' : flags}`,
    );
    writeFileSync(join(folder, 'Procfile'), `${lines.join('\n')}\n`);
    const settings = settingsOf(options, client, authority.caFile, urlOf);
    if (settings !== null) writeFileSync(join(folder, 'clusterctl.yaml'), settings);
    const env = clients === 'environment' ? { ETCDCTL_CERT: client.certFile, ETCDCTL_KEY: client.keyFile } : {};
    return new SecuredRun(folder, env);
  }

  /** Of another command in the same folder. */
  async command(
    ...args: string[]
  ): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
    const run = new Run(this.#installation, { cwd: this.#cwd, args });
    const { code } = await run.ended;
    return { code, out: run.stdout.toString(), err: run.stderr };
  }

  async members(): Promise<readonly Member[]> {
    const { out } = await this.command('status', '--cluster', '--json');
    return out === '' ? [] : JSON.parse(out).processes;
  }

  /** All that an etcd shows of itself is there of each, and one leads. */
  async expectKnown(): Promise<void> {
    const known = {
      clientError: null,
      version: expect.any(String),
      raftIndex: expect.any(Number),
      dbBytes: expect.any(Number),
      healthMs: expect.any(Number),
    };
    await expect
      .poll(() => this.members(), { timeout: 40_000 })
      .toMatchObject(names.map((name) => ({ name, ready: true, member: known })));
    const members = await this.members();
    expect(members.filter(({ member }) => member['role'] === 'leader')).toHaveLength(1);
  }

  /** Logs tell who leads; why there is no more is said, and nothing else is made up. */
  async expectKnownByLog(reason: RegExp): Promise<void> {
    const told = { role: expect.stringMatching(/leader|follower/), raftIndex: null, healthMs: null };
    const silent = { ...told, clientError: expect.stringMatching(reason) };
    await expect
      .poll(() => this.members(), { timeout: 40_000 })
      .toMatchObject(names.map((name) => ({ name, ready: false, member: silent })));
    const { out } = await this.command('status', '--cluster');
    expect(out).toMatch(/^etcd1 does not tell its status at https:.*, so only its log tells of it: /m);
    const waited = await this.command('wait', '--for=leader', '--timeout', '100ms');
    expect(waited.code).not.toBe(0);
    expect(waited.err).toMatch(reason);
  }

  async expectWaits(): Promise<void> {
    for (const condition of ['ready', 'leader']) {
      expect(await this.command('wait', `--for=${condition}`, '--timeout', '30s')).toEqual({
        code: 0,
        out: '',
        err: '',
      });
    }
  }

  /** Leadership goes where it is told to. */
  async expectLeadershipMoves(): Promise<void> {
    const leader = (await this.members()).find(({ member }) => member['role'] === 'leader')?.name;
    const heir = names.find((name) => name !== leader) ?? '';
    const { code, err } = await this.command('fault', 'move-leader', heir);
    expect([err, code]).toEqual(['', 0]);
    await expect
      .poll(async () => (await this.members()).find(({ member }) => member['role'] === 'leader')?.name, {
        timeout: 10_000,
      })
      .toBe(heir);
  }

  async close(): Promise<void> {
    await this.run.endBy('SIGINT');
  }
}

function settingsOf(
  { etcd, clients = 'own' }: SecuredRunOptions,
  { certFile, keyFile }: Issued,
  caFile: string,
  urlOf: (at: number) => string,
): string | null {
  if (clients === 'own' || clients === 'environment') return null;
  const files = `cert: ${certFile}, key: ${keyFile}`;
  const lines = ['defaults:', `  etcd: { cacert: ${caFile}, ${files} }`];
  // A script might start anything: that it is an etcd has to be said.
  if (/\.sh$/.test(etcd)) {
    lines.push('processes:', ...names.map((name, at) => `  ${name}: { etcd: { endpoint: '${urlOf(at)}' } }`));
  }
  return `${lines.join('\n')}\n`;
}

/** For a file's tests or those of a `describe`: each has a folder, and what it started there ends with it. */
export function securedRuns(): { readonly folder: string; start(options: SecuredRunOptions): Promise<SecuredRun> } {
  let folder = '';
  let run: SecuredRun | null = null;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'clusterctl-secured-'));
  });
  afterEach(async () => {
    await run?.close();
    run = null;
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    start: async (options) => {
      run = await SecuredRun.start(folder, options);
      return run;
    },
  };
}
