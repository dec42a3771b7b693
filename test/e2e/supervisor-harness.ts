/** Runs the `clusterctl` command, bundled from the sources as they are, and watches what becomes of its processes. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A checkout's bin/ and dist/, as the build lays them out, with a stand-in for the bundled etcd. */
export interface Installation {
  readonly folder: string;
  readonly bin: string;
  remove(): void;
}

/** Its tests run what scripts/build.mjs has built. */
const withoutDashboard: Plugin = {
  name: 'without-dashboard',
  setup({ onResolve }) {
    onResolve({ filter: /\/ui\/open\.ts$/ }, () => ({ path: './dashboard.mjs', external: true }));
  },
};

export async function install(): Promise<Installation> {
  const folder = mkdtempSync(join(tmpdir(), 'clusterctl-test-'));
  await build({
    absWorkingDir: root,
    entryPoints: { clusterctl: 'src/cli/main.ts', fabric: 'src/chaos/fabric/worker.ts' },
    outdir: join(folder, 'dist'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    define: { 'process.env.CLUSTERCTL_VERSION': '"1.2.3"' },
    plugins: [withoutDashboard],
    logLevel: 'warning',
  });
  mkdirSync(join(folder, 'run'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'dist/shims'));
  const bin = join(folder, 'bin/clusterctl');
  for (const [from, to] of [
    ['bin/clusterctl', bin],
    ['scripts/shims/etcd', join(folder, 'dist/shims/etcd')],
  ] as const) {
    copyFileSync(join(root, from), to);
    chmodSync(to, 0o755);
  }
  writeFileSync(
    join(folder, 'dist/etcd.js'),
    `process.stdout.write('member ' + process.argv.slice(2).join(' ') + '\\n');\n`,
  );
  return { folder, bin, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** What the tests of a file share: an installation, a folder for each test, and the runs in it, of which none outlives its test. */
export interface Workplace {
  readonly installation: Installation;
  readonly cwd: string;
  /** In `cwd`, unless `folder` is another. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>, folder?: string): Run;
}

/**
 * To be called once in a file, outside of its tests. Runs are ended by the signal; `afterEachRun` is called for each that has ended,
 * and `afterAllRuns` when all of a test have.
 */
export function workplace(
  endSignal: NodeJS.Signals = 'SIGTERM',
  afterEachRun: (run: Run) => Promise<void> | void = () => {},
  afterAllRuns: () => void = () => {},
): Workplace {
  let installation: Installation | null = null;
  let cwd = '';
  const runs: Run[] = [];
  const installed = (): Installation => {
    if (installation === null) throw new Error('the installation is there when tests run');
    return installation;
  };
  beforeAll(async () => {
    installation = await install();
  });
  afterAll(() => installation?.remove());
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'clusterctl-cwd-'));
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) {
      run.child.kill(endSignal);
      await run.ended;
      await afterEachRun(run);
    }
    afterAllRuns();
    rmSync(cwd, { recursive: true, force: true });
  });
  return {
    get installation() {
      return installed();
    },
    get cwd() {
      return cwd;
    },
    run(args, env = {}, folder = cwd) {
      const run = new Run(installed(), { cwd: folder, args, env });
      runs.push(run);
      return run;
    },
  };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunOptions {
  readonly cwd: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** One run of `clusterctl`. */
export class Run {
  readonly ended: Promise<Ended>;
  readonly child: ChildProcess;
  /** In the environment of every process of this run, wherever it has gone. */
  readonly #mark = `CLUSTERCTL_TEST=${randomBytes(8).toString('hex')}`;
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];
  #changed: (() => void)[] = [];

  constructor(installation: Installation, { cwd, args, env = {} }: RunOptions) {
    const [name = '', value = ''] = this.#mark.split('=');
    this.child = spawn(installation.bin, args, {
      cwd,
      env: {
        PATH: process.env['PATH'],
        XDG_RUNTIME_DIR: join(installation.folder, 'run'),
        XDG_STATE_HOME: join(installation.folder, 'state'),
        ...env,
        [name]: value,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const note = (into: Buffer[]) => (chunk: Buffer) => {
      into.push(chunk);
      this.#wake();
    };
    this.child.stdout?.on('data', note(this.#out));
    this.child.stderr?.on('data', note(this.#err));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal });
        this.#wake();
      });
    });
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out);
  }

  /** Without colours and times: `name | text`. */
  get lines(): string[] {
    const text = this.stdout.toString().trimEnd();
    return text === '' ? [] : text.split('\n').map((line) => line.replace(/^\d\d:\d\d:\d\d +/, ''));
  }

  get stderr(): string {
    return Buffer.concat(this.#err).toString();
  }

  /** Resolves once standard output matches; rejects if the run ends before. */
  seen(pattern: RegExp): Promise<void> {
    return this.#until(pattern, () => this.stdout.toString());
  }

  /** The same for standard error. */
  complained(pattern: RegExp): Promise<void> {
    return this.#until(pattern, () => this.stderr);
  }

  async #until(pattern: RegExp, text: () => string): Promise<void> {
    while (!pattern.test(text())) {
      if (this.child.exitCode !== null) throw new Error(`ended without ${pattern}:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => this.#changed.push(resolve));
    }
  }

  /** Sends a signal to the supervisor alone; resolves to how long it took to end, in milliseconds, and how it did. */
  async endBy(...signals: NodeJS.Signals[]): Promise<Ended & { readonly tookMs: number }> {
    const startMs = performance.now();
    for (const [at, signal] of signals.entries()) {
      if (at > 0) await new Promise((resolve) => setTimeout(resolve, 300)); // a second key press of a person
      this.child.kill(signal);
    }
    const ended = await this.ended;
    return { ...ended, tookMs: performance.now() - startMs };
  }

  /** The process that outlives the supervisor by a moment. */
  get guardPid(): number {
    const isGuard = (pid: string) => {
      const [parent] = read(pid, 'stat').split(') ').at(-1)?.split(' ').slice(1) ?? [];
      return parent === String(this.child.pid) && read(pid, 'cmdline').includes('clusterctl-guard');
    };
    return Number(readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && isGuard(pid)) ?? Number.NaN);
  }

  /** Command lines of processes of this run that are alive, the supervisor's included. */
  survivors(): string[] {
    return readdirSync('/proc')
      .filter(
        (pid) => /^\d+$/.test(pid) && read(pid, 'environ').includes(this.#mark) && !/\) Z /.test(read(pid, 'stat')),
      )
      .map((pid) => `${pid} ${read(pid, 'cmdline').replaceAll('\0', ' ')}`);
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = [];
    for (const resolve of changed) resolve();
  }
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
