import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Run, workplace } from './supervisor-harness.ts';

const cases = new URL('../testdata/procfile/', import.meta.url).pathname;
const onLinux = process.platform === 'linux';

const place = workplace('SIGKILL', (run) => {
  if (onLinux) expect(run.survivors()).toEqual([]);
});
let cwd: string;
beforeEach(() => {
  cwd = place.cwd;
});

function clusterctl(...args: string[]): Run {
  return runIn({}, ...args);
}

function runIn(env: Record<string, string>, ...args: string[]): Run {
  return place.run(args, env);
}

function procfile(text: string): void {
  writeFileSync(join(cwd, 'Procfile'), text);
}

function startCase(name: string, ...args: string[]): Run {
  return clusterctl('start', '-f', join(cases, name, 'Procfile'), ...args);
}

describe('clusterctl start', () => {
  it('runs all entries, and ends when they have ended', async () => {
    const run = startCase('01-simple');
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.lines).toEqual([
      'a | Starting a on port 5000',
      'bb | Starting bb on port 5100',
      'a | hello from a',
      'a | exited with code 0',
      'bb | hello from bb',
      'bb | exited with code 0',
    ]);
    expect(run.stdout.toString()).toMatch(/^\d\d:\d\d:\d\d {2}a \| Starting a on port 5000\n/);
  });

  it('shows every line whole: unterminated, blank, coloured, from stderr', async () => {
    const run = startCase('06-lines', '-logtime=false');
    await run.ended;
    const of = (name: string) =>
      run.stdout
        .toString()
        .split('\n')
        .filter((line) => line.startsWith(`${name} | `))
        .map((line) => line.slice(4))
        .slice(1, -1);
    expect(of('a')).toEqual(['no newline at end']);
    expect(of('b')).toEqual(['part1-part2']);
    expect(of('c')).toEqual(['\x1b[31mred\x1b[0m plain \x1b[1mnever reset', 'after']);
    expect(of('d')).toEqual(['progress 1\rprogress 2\rprogress 3']);
    expect(of('e').sort()).toEqual(['to-stderr', 'to-stdout']);
    expect(of('f')).toEqual(['', '', 'blank lines above', '   leading blanks']);
  });

  it('passes lines of a megabyte and bytes that are no UTF-8 through untouched', async () => {
    const huge = startCase('07-huge', '-logtime=false');
    const binary = startCase('15-binary', '-logtime=false');
    await Promise.all([huge.ended, binary.ended]);
    expect(huge.lines).toContain(`a | ${'A'.repeat(1_048_576)}`);
    expect(huge.lines).toContain(`b | ${'B'.repeat(100_000)}`);
    expect(binary.stdout.includes(Buffer.from('a | bad\xffutf8 nul\0end\n', 'latin1'))).toBe(true);
  });

  it('tears no line of a flood', async () => {
    procfile(
      `${[0, 1, 2].map((at) => `p${at}: seq -f 'line %.0f of p${at} abcdefghijklmnopqrstuvwxyz' 1 20000`).join('\n')}\n`,
    );
    const run = clusterctl('start', '-logtime=false');
    await run.ended;
    for (const at of [0, 1, 2]) {
      const lines = run.lines.filter((line) => line.startsWith(`p${at} | line`));
      expect(lines.length).toBe(20_000);
      lines.forEach((line, index) => {
        if (line !== `p${at} | line ${index + 1} of p${at} abcdefghijklmnopqrstuvwxyz`)
          throw new Error(`torn: ${line}`);
      });
    }
  });

  it('ends all at once on Ctrl-C, with code 0', async () => {
    const run = startCase('21-term');
    await run.seen(/up/);
    const { code, tookMs } = await run.endBy('SIGINT');
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(2_000);
    expect(run.lines).toEqual(
      expect.arrayContaining(['a | got int', 'a | exited with code 0', 'b | terminated by SIGINT']),
    );
  });

  it('passes SIGTERM on as it does Ctrl-C, each as itself', async () => {
    const run = startCase('22-int');
    await run.seen(/up/);
    expect((await run.endBy('SIGTERM')).code).toBe(0);
    expect(run.lines).toContain('a | got term');
  });

  it('kills what ignores the signals when the grace period is over', async () => {
    const run = startCase('10-stubborn', '--grace', '1s');
    await run.seen(/(?:\| ready\n[\s\S]*){3}/);
    const { code, tookMs } = await run.endBy('SIGINT');
    expect(code).toBe(0);
    expect(tookMs).toBeGreaterThan(950);
    expect(tookMs).toBeLessThan(1_300 + 700); // 0.3 s are promised, the rest is for a busy machine
    expect(run.lines.filter((line) => line.endsWith('terminated by SIGKILL')).length).toBe(3);
  });

  it('kills at once on the second Ctrl-C', async () => {
    const run = startCase('23-int-twice');
    await run.seen(/(?:\| ready\n[\s\S]*){2}/);
    const { code, tookMs } = await run.endBy('SIGINT', 'SIGINT');
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('leaves no background job and no process that made its own session', async () => {
    const run = startCase('11-orphan');
    await run.seen(/up/);
    const { tookMs } = await run.endBy('SIGINT');
    expect(tookMs).toBeLessThan(3_000);
    if (onLinux) expect(run.survivors()).toEqual([]);
  });

  it('leaves nothing when it is killed itself', async () => {
    procfile('a: echo up; setsid sleep 971 & sleep 972\nb: (sleep 973 & sleep 974) & echo up; exec sleep 975\n');
    const run = clusterctl('start');
    await run.seen(/(?:\| up\n[\s\S]*){2}/);
    run.child.kill('SIGKILL');
    await run.ended; // its pipes close with the last process that has them
    await expect.poll(() => (onLinux ? run.survivors() : []), { timeout: 20_000 }).toEqual([]);
  });

  it.skipIf(!onLinux).each(['SIGINT', 'SIGKILL'] as const)(
    'leaves no daemon that has wiped its environment, ended by %s',
    async (signal) => {
      procfile(`a: env -i setsid sh -c 'echo pid $$; exec sleep 976' & exec sleep 977\n`);
      const run = clusterctl('start');
      await run.seen(/pid \d+/);
      const pid = /pid (\d+)/.exec(run.stdout.toString())?.[1] ?? '';
      run.child.kill(signal);
      await run.ended;
      const isAlive = () => existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
      // The guard looks through all processes of the machine, twice.
      await expect.poll(isAlive, { timeout: 20_000 }).toBe(false);
    },
  );

  it('does not wait for a guard that is suspended', async () => {
    procfile('web: echo up; exec sleep 60\n');
    const run = clusterctl('start');
    await run.seen(/web \| up/);
    const { guardPid } = run;
    process.kill(guardPid, 'SIGSTOP');
    expect(await run.endBy('SIGINT')).toMatchObject({ code: 0 });
    expect(existsSync(`/proc/${guardPid}`)).toBe(false);
  });

  it('runs on when the folder of its log history is removed', async () => {
    procfile('web: trap "exit 0" INT; while :; do seq 1 2000; sleep 0.01; done\n');
    const run = runIn({ XDG_STATE_HOME: join(cwd, 'state') }, 'start', '--history-size', '64K');
    await run.seen(/2000/);
    rmSync(join(cwd, 'state'), { recursive: true });
    await run.complained(/warning: the log history of web ends here: ENOENT/);
    expect(await run.endBy('SIGINT')).toMatchObject({ code: 0 });
  });

  it('runs without a history and a control where no folders can be made', async () => {
    procfile('web: echo up\n');
    const run = runIn({ XDG_STATE_HOME: '/proc/none', XDG_RUNTIME_DIR: '/proc/none' }, 'start');
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stderr).toContain('no log history: ENOENT');
    expect(run.stderr).toContain('no remote control: ENOENT');
  });

  it('does not wait for a pipe that a stray process holds open', async () => {
    const run = startCase('20-pipeheld');
    const startMs = performance.now();
    await run.ended;
    expect(performance.now() - startMs).toBeLessThan(4_000);
    expect(run.lines).toContain('d | done');
  });

  it('lets the others live when one fails, and says so', async () => {
    procfile('ok: exec sleep 30\nbad: exit 3\n');
    const run = clusterctl('start');
    await run.seen(/bad \| exited with code 3/);
    expect((await run.endBy('SIGINT')).code).toBe(0);
    expect(run.lines).toContain('ok | terminated by SIGINT');
  });

  it('ends all when one fails, if told so, with code 1', async () => {
    const run = startCase('05-exit3', '-exit-on-error');
    expect((await run.ended).code).toBe(1);
    expect(run.stderr).toBe('clusterctl: bad exited with code 3\n');
  });

  it('exits with the code of its processes, if told so', async () => {
    procfile('a: exit 3\nb: sleep 0.3; exit 5\n');
    const [first, max] = [clusterctl('start', '--exit-code=first'), clusterctl('start', '--exit-code', 'max')];
    expect(await Promise.all([first.ended, max.ended])).toMatchObject([{ code: 3 }, { code: 5 }]);
  });

  it.each([
    ['INT', 'a | got int'],
    ['TERM', 'a | got term'],
    ['same', 'a | got int'],
  ])('stops with %s, if told so', async (signal, words) => {
    const run = startCase('22-int', '--stop-signal', signal);
    await run.seen(/up/);
    expect((await run.endBy('SIGINT')).code).toBe(0);
    expect(run.lines).toContain(words);
  });

  it('stays when all have ended, if told so', async () => {
    procfile('a: true\n');
    const run = clusterctl('start', '--exit-on-stop=false');
    await run.seen(/exited with code 0/);
    expect((await run.endBy('SIGINT')).code).toBe(0);
  });

  it('starts those named, with the ports they have in the file', async () => {
    const run = startCase('18-subset', 'db', 'x');
    await run.ended;
    expect(run.lines).toEqual(expect.arrayContaining(['db | db 5100', 'x | x 5200']));
    expect(run.lines.some((line) => line.startsWith('web'))).toBe(false);
  });

  it('starts a formation', async () => {
    const run = startCase('17-formation', '-m', 'web=2,work=3');
    await run.ended;
    expect(run.lines.filter((line) => /\| \d+ \w+\.\d$/.test(line)).sort()).toEqual([
      'web.1 | 5000 web.1',
      'web.2 | 5001 web.2',
      'work.1 | 5100 work.1',
      'work.2 | 5101 work.2',
      'work.3 | 5102 work.3',
    ]);
  });

  it('leaves variables to the shell', async () => {
    procfile(`x: echo 1:$FOO 2:\${FOO} 4:'$FOO' 5:\\$FOO 6:$FOOBAR 7:"$FOO" 8:$PORT\n`);
    const run = runIn({ FOO: 'foo' }, 'start', '-b', '7000');
    await run.ended;
    expect(run.lines).toContain('x | 1:foo 2:foo 4:$FOO 5:$FOO 6: 7:foo 8:7000');
  });

  it('explains what every process really gets', async () => {
    procfile('p: true\nq: true\n');
    writeFileSync(join(cwd, '.env'), 'A=file\nPORT=7000\nPS=x\n');
    writeFileSync(join(cwd, 'clusterctl.yaml'), 'processes: { q: { env: { A: own } } }\n');
    const [foreman, without] = [
      clusterctl('env', '--explain', '--env-rules=foreman'),
      clusterctl('env', '--explain', '--set-ports=false'),
    ];
    await Promise.all([foreman.ended, without.ended]);
    const ofA = '.env:1: A="file" (used, but by q: clusterctl.yaml has it)';
    const [ofPS, own] = ['.env:3: PS="x" (not used: each process has its own)', 'clusterctl.yaml: A="own" (used by q)'];
    expect(foreman.lines).toEqual([ofA, '.env:2: PORT="7000" (used as --base-port)', ofPS, own]);
    expect(without.lines).toEqual([ofA, '.env:2: PORT="7000" (used)', ofPS, own]);
  });

  it('adds what env files say, and stops at one that it cannot read', async () => {
    procfile('p: echo A=$A Z=$Z PORT=$PORT\n');
    writeFileSync(join(cwd, '.env'), 'A="from file"\nZ=file\nPORT=7000\n');
    const [goreman, foreman, explained] = [
      runIn({ Z: 'parent' }, 'start'),
      runIn({ Z: 'parent' }, 'start', '--env-rules=foreman'),
      runIn({ Z: 'parent' }, 'env', '--explain'),
    ];
    await Promise.all([goreman, foreman, explained].map((run) => run.ended));
    expect(goreman.lines).toContain('p | A=from file Z=parent PORT=5000');
    expect(foreman.lines).toContain('p | A=from file Z=file PORT=7000');
    expect(explained.lines).toEqual([
      '.env:1: A="from file" (used)',
      '.env:2: Z="file" (not used: the environment has it)',
      '.env:3: PORT="7000" (not used: each process has its own, from --base-port on)',
    ]);

    writeFileSync(join(cwd, '.env'), 'A="open\n');
    const broken = clusterctl('start');
    expect(await broken.ended).toMatchObject({ code: 2 });
    expect(broken.stderr).toBe('clusterctl: .env:1:3: the quote of A is never closed (add a ")\n');
    const missing = clusterctl('start', '-env', 'nosuch');
    expect(await missing.ended).toMatchObject({ code: 1 });
    expect(missing.stderr).toContain('clusterctl: nosuch: cannot read this env file');
  });

  it('colours when told to, not in a pipe', async () => {
    procfile('a: echo x\n');
    const [plain, forced, flag, off] = [
      clusterctl('start'),
      runIn({ FORCE_COLOR: '1' }, 'start'),
      runIn({ NO_COLOR: '1' }, 'start', '--color'),
      runIn({ FORCE_COLOR: '1' }, 'start', '--color=never'),
    ];
    await Promise.all([plain, forced, flag, off].map((run) => run.ended));
    expect(plain.stdout.includes('\x1b')).toBe(false);
    expect(off.stdout.includes('\x1b')).toBe(false);
    expect(forced.stdout.toString().replaceAll('\x1b', 'ESC')).toMatch(/ESC\[32m\d\d:\d\d:\d\d a \| ESC\[mx\n/);
    expect(flag.stdout.includes('\x1b[32m')).toBe(true);
  });

  it('speaks JSON to programs', async () => {
    procfile('a: echo out; echo err >&2; exit 3\n');
    const run = clusterctl('start', '--output', 'ndjson');
    await run.ended;
    const records = run.lines.map((line) => JSON.parse(line));
    const pid = expect.any(Number);
    expect(records[0]).toMatchObject({ process: 'a', event: 'starting', text: 'Starting a on port 5000' });
    expect(records).toContainEqual(expect.objectContaining({ process: 'a', pid, stream: 'stdout', line: 'out' }));
    expect(records).toContainEqual(expect.objectContaining({ process: 'a', pid, stream: 'stderr', line: 'err' }));
    expect(records.at(-1)).toMatchObject({ event: 'exited', code: 3, signal: null });
  });

  it('ends its processes when nobody reads its output any more', async () => {
    procfile('a: while :; do echo tick; sleep 0.1; done\nb: exec sleep 60\n');
    const run = clusterctl('start');
    await run.seen(/tick/);
    run.child.stdout?.destroy();
    expect((await run.ended).code).toBe(0);
  });

  it.skipIf(!onLinux)('runs on when the disk under its output is full', async () => {
    procfile('a: echo up; sleep 0.3; echo on > went\n');
    const said = execFileSync('/bin/sh', ['-c', '"$0" start 2>&1 >/dev/full', place.installation.bin], {
      cwd,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: cwd, XDG_STATE_HOME: join(cwd, 'state') },
    });
    expect(said).toContain('clusterctl: warning: nothing more on standard output: ENOSPC');
    expect(readFileSync(join(cwd, 'went'), 'utf8')).toBe('on\n');
    execFileSync('/bin/sh', ['-c', 'rm went; "$0" start >/dev/full 2>&1; test -e went', place.installation.bin], {
      cwd,
      env: { PATH: process.env['PATH'], XDG_RUNTIME_DIR: cwd, XDG_STATE_HOME: join(cwd, 'state') },
    });
  });

  it('does not slow its processes while its output is stuck', async () => {
    procfile('a: echo up; head -c 40000000 /dev/zero | tr "\\0" "z" | fold -w 99; echo finished; echo > done\n');
    const run = clusterctl('start', '--history=false', '--timestamps=false');
    await run.seen(/up/);
    run.child.stdout?.pause();
    await expect.poll(() => existsSync(join(cwd, 'done')), { timeout: 20_000 }).toBe(true);
    run.child.stdout?.resume();
    await run.ended;
    expect(run.stdout.toString().match(/z/g)?.length).toBe(40_000_000);
    expect(run.lines.at(-2)).toMatch(/zfinished$/);
  });

  it('ends its processes while its output is stuck', async () => {
    procfile('a: exec yes\nb: exec sleep 60\n');
    const run = clusterctl('start');
    await run.seen(/y\n/);
    run.child.stdout?.pause();
    await new Promise((resolve) => setTimeout(resolve, 500)); // lets the pipes fill
    const startMs = performance.now();
    run.child.kill('SIGINT');
    await new Promise((resolve) => run.child.once('exit', resolve));
    expect(performance.now() - startMs).toBeLessThan(4_000);
    run.child.stdout?.resume();
    await run.ended;
  });

  it.each([
    [
      'missing',
      undefined,
      1,
      'Procfile: no such file: create it, name another with -f, or start a cluster without one',
    ],
    ['empty', '# nothing here\n', 1, 'Procfile: no valid entry: write a line such as `web: node server.js`'],
    [
      'broken',
      'ok: true\nweb: a\0b\n',
      2,
      'Procfile:2:7: a NUL byte, which no command can contain (is this a Procfile?)',
    ],
  ])('says what is wrong with a Procfile that is %s', async (_, text, code, message) => {
    if (text !== undefined) procfile(text);
    const run = clusterctl('start');
    expect((await run.ended).code).toBe(code);
    expect(run.stderr).toContain(`clusterctl: ${message}`);
    expect(run.lines).toEqual([]);
  });

  it('says which name it does not know', async () => {
    const run = startCase('01-simple', 'nosuch');
    expect((await run.ended).code).toBe(1);
    expect(run.stderr).toBe('clusterctl: unknown proc: nosuch (entries: a, bb)\n');
  });
});

describe('a generated cluster', () => {
  const probe = `exec etcd\n`;

  it('tells each member its name, ports, folder and the cluster, the same at every start', async () => {
    const shim = join(cwd, 'tools');
    mkdirSync(shim);
    writeFileSync(join(shim, 'etcd'), '#!/bin/sh\nenv | grep ^ETCD_ | sort\n', { mode: 0o755 });
    procfile(`etcd: ${probe}`);
    const envOf = async (...args: string[]) => {
      const run = clusterctl('start', '--etcd', 'tools', ...args);
      expect((await run.ended).code).toBe(0);
      return run.lines.filter((line) => line.includes('ETCD_')).sort();
    };
    const first = await envOf('--members', '3');
    expect(first.filter((line) => line.startsWith('etcd2 | ')).map((line) => line.slice(8).split('=')[0])).toEqual([
      'ETCD_ADVERTISE_CLIENT_URLS',
      'ETCD_DATA_DIR',
      'ETCD_INITIAL_ADVERTISE_PEER_URLS',
      'ETCD_INITIAL_CLUSTER',
      'ETCD_INITIAL_CLUSTER_STATE',
      'ETCD_INITIAL_CLUSTER_TOKEN',
      'ETCD_LISTEN_CLIENT_URLS',
      'ETCD_LISTEN_PEER_URLS',
      'ETCD_NAME',
    ]);
    expect(first).toContain(`etcd2 | ETCD_DATA_DIR=${join(cwd, '.clusterctl', 'etcd2')}`);
    expect(await envOf('-m', 'etcd=3')).toEqual(first);
    expect(await envOf('--members', '3', 'etcd2')).toEqual(first.filter((line) => line.startsWith('etcd2')));
    mkdirSync(join(cwd, '.clusterctl', 'etcd1'));
    const grown = clusterctl('start', '--members', '5', '--etcd', 'tools');
    expect((await grown.ended).code).toBe(1);
    expect(grown.stderr).toContain('has the members etcd1, etcd2, etcd3, not etcd1, etcd2, etcd3, etcd4, etcd5');
  });

  it('says which of its ports is in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    mkdirSync(join(cwd, '.clusterctl'));
    const members = [{ name: 'etcd1', clientPort: port, peerPort: 1 }];
    writeFileSync(join(cwd, '.clusterctl/clusters.json'), JSON.stringify({ etcd: { token: 't', members } }));
    const run = clusterctl('start', '--members', '1');
    expect((await run.ended).code).toBe(1);
    expect(run.stderr).toContain(`port ${port} of etcd1 is in use`);
    server.close();
  });

  it('does not touch a damaged state file', async () => {
    mkdirSync(join(cwd, '.clusterctl'));
    writeFileSync(join(cwd, '.clusterctl/clusters.json'), '{"etcd": {}}');
    const run = clusterctl('start', '--members', '1');
    expect((await run.ended).code).toBe(1);
    expect(run.stderr).toContain('clusters.json is damaged');
    expect(readFileSync(join(cwd, '.clusterctl/clusters.json'), 'utf8')).toBe('{"etcd": {}}');
  });

  it('uses the bundled etcd by default and says which it uses', async () => {
    procfile('e: etcd --name infra1\nother: true\n');
    const run = clusterctl('start');
    await run.ended;
    expect(run.lines).toContain(`e | etcd is ${join(place.installation.folder, 'dist/shims/etcd')} (bundled)`);
    expect(run.lines).toContain('e | member --name infra1');
    expect(run.lines.some((line) => line.startsWith('other | etcd is'))).toBe(false);
  });

  it('leaves PATH alone for a system etcd, and refuses one that is not there', async () => {
    procfile('e: echo $PATH; true etcd\n');
    const system = runIn({}, 'start', '--etcd', 'system');
    await system.ended;
    expect(system.lines).toContain(`e | ${process.env['PATH']}`);
    const missing = clusterctl('start', '--etcd', '/no/such/etcd');
    expect((await missing.ended).code).toBe(1);
    expect(missing.stderr).toContain('clusterctl: --etcd: there is no /no/such/etcd');
  });
});

describe('the launcher', () => {
  it('prints its version through a symlink in another folder, with nothing but PATH', () => {
    symlinkSync(place.installation.bin, join(cwd, 'first'));
    symlinkSync('first', join(cwd, 'second'));
    const env = { PATH: process.env['PATH'], CDPATH: '/' };
    expect(execFileSync(join(cwd, 'second'), ['--version'], { cwd: '/', env, encoding: 'utf8' })).toBe(
      'clusterctl 1.2.3\n',
    );
    expect(execFileSync('./second', ['version'], { cwd, env, encoding: 'utf8' })).toBe('clusterctl 1.2.3\n');
    expect(execFileSync('bin/clusterctl', ['-v'], { cwd: place.installation.folder, env, encoding: 'utf8' })).toBe(
      'clusterctl 1.2.3\n',
    );
  });

  it('becomes the program: same process', async () => {
    procfile('a: echo $PPID\n');
    const run = clusterctl('start');
    await run.ended;
    expect(run.lines).toContain(`a | ${run.child.pid}`);
  });

  it('says how to build what is not built', async () => {
    mkdirSync(join(cwd, 'bin'));
    writeFileSync(join(cwd, 'bin/clusterctl'), readFileSync(place.installation.bin), { mode: 0o755 });
    const child = spawn(join(cwd, 'bin/clusterctl'), [], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, text]).toEqual([1, 'clusterctl: not built: run npm run build\n']);
  });
});

describe('other commands', () => {
  it.each([
    [['check', '-f', join(cases, '18-subset/Procfile')], 0, 'valid procfile detected (web, db, x)\n', ''],
    [['strat'], 2, '', 'clusterctl: unknown command strat\nDid you mean start?\n'],
    [['start', '--mebmers', '3'], 2, '', 'clusterctl: unknown flag --mebmers: did you mean --members?\n'],
    [['start', '--members', '3', '-f', 'x'], 2, '', 'clusterctl: --members makes a cluster without a Procfile'],
  ])('%j', async (args, code, stdout, stderr) => {
    const run = clusterctl(...args);
    expect((await run.ended).code).toBe(code);
    expect(run.stdout.toString()).toBe(stdout);
    expect(run.stderr.startsWith(stderr)).toBe(true);
  });

  it('helps', async () => {
    for (const args of [[], ['help'], ['--help'], ['start', '-h']]) {
      const run = clusterctl(...args);
      expect((await run.ended).code).toBe(0);
      expect(run.stdout.toString()).toMatch(/^Usage: clusterctl /);
    }
  });
});
