/** `clusterctl export`: what the files run is what `start` runs, and nothing of somebody else's is lost. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

let installation: Installation;
let folder: string;

beforeAll(async () => {
  installation = await install();
});
afterAll(() => installation.remove());
beforeEach(() => {
  folder = mkdtempSync(join(installation.folder, 'case '));
});

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

async function run(...args: readonly string[]) {
  const one = new Run(installation, { cwd: folder, args });
  const { code } = await one.ended;
  return { code, stdout: one.stdout.toString(), stderr: one.stderr };
}

function has(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

const procfile = [
  `a: printf '%s|' "$Q" "$S" "$H" "$T" "$PORT" "$PS" '$X' "it's" 'q"q' \\$HOME \`echo bt\` 100% %h %% a\\\\b ; echo "#no" # x ; y`,
  `b: PORT=$PORT; sleep 0; echo 'two ;three #four' && echo "\${PORT}"`,
].join('\n');
const env = ['Q=\'a "b" $X %h \\n `x` ; y # z\'', 'S="it\'s"', "H='#first ;'", "T='trailing\"'", 'U=ünï', ''].join(
  '\n',
);
const said = {
  a: `a "b" $X %h \\n \`x\` ; y # z|it's|#first ;|trailing"|5000|a.1|$X|it's|q"q|$HOME|bt|100%|%h|%%|a\\b|#no\n`,
  b: 'two ;three #four\n5100\n',
};

/** Reads what supervisord reads, the way it reads it, and runs it. */
const pythonSupervisord = `
import configparser, shlex, subprocess, sys
ini = configparser.RawConfigParser(inline_comment_prefixes=(';', '#'), strict=False)
ini.read(sys.argv[1])
at = ini['program:app-' + sys.argv[2] + '-1']
lexer = shlex.shlex(at['environment'] % {})
lexer.wordchars += '/.+-():'
tokens = list(lexer)
env = {tokens[i]: tokens[i + 2].strip('\\'"') for i in range(0, len(tokens), 4)}
sys.stdout.write(subprocess.run(shlex.split(at['command'] % {}), env=env, cwd=at['directory'], text=True, stdout=-1).stdout)
`;
const pythonLaunchd = `
import plistlib, subprocess, sys
at = plistlib.load(open(sys.argv[1] + '/app-' + sys.argv[2] + '-1.plist', 'rb'))
env = at['EnvironmentVariables']
sys.stdout.write(subprocess.run(at['ProgramArguments'], env=env, cwd=at['WorkingDirectory'], text=True, stdout=-1).stdout)
`;

describe('clusterctl export', () => {
  it('writes upstart jobs that run the commands of the Procfile', async () => {
    write('Procfile', procfile);
    write('.env', env);
    const { code, stdout } = await run('export', 'upstart', 'out');
    expect(code).toBe(0);
    const names = ['app', 'app-a', 'app-a-1', 'app-b', 'app-b-1'];
    expect(stdout).toBe(names.map((name) => `writing ${join(folder, 'out', name)}.conf\n`).join(''));
    for (const name of ['a', 'b'] as const) expect(runUpstart(`app-${name}-1`)).toBe(said[name]);
  });

  it.skipIf(!has('python3'))('writes what supervisord and launchd read, by the rules of Python', async () => {
    write('Procfile', procfile);
    write('.env', env);
    for (const format of ['supervisord', 'launchd']) expect((await run('export', format, format)).code).toBe(0);
    for (const name of ['a', 'b'] as const) {
      const python = (...args: readonly string[]) => execFileSync('python3', ['-c', ...args], { encoding: 'utf8' });
      expect(python(pythonSupervisord, join(folder, 'supervisord/app.conf'), name)).toBe(said[name]);
      expect(python(pythonLaunchd, join(folder, 'launchd'), name)).toBe(said[name]);
    }
  });

  it.skipIf(!has('systemd-analyze'))('writes units that systemd-analyze has nothing to say about', async () => {
    write('Procfile', `${procfile}\nname with space: etcd\n`);
    write('.env', env);
    expect((await run('export', 'systemd', 'out', '--user', 'root', '--log', '/var/log/x y')).code).toBe(0);
    const files = readdirSync(join(folder, 'out')).map((name) => join(folder, 'out', name));
    expect(files.length).toBe(4);
    const verified = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    expect(verified.stderr + verified.stdout).toBe('');
    expect(verified.status).toBe(0);
  });

  it('gives entries that run etcd a PATH that finds the bundled one', async () => {
    write('Procfile', 'web: true\netcd1: sleep 0; etcd --name infra1\n');
    expect((await run('export', 'upstart', 'out')).code).toBe(0);
    expect(runUpstart('app-etcd1-1')).toBe('member --name infra1\n');
    expect(readFileSync(join(folder, 'out/app-web-1.conf'), 'utf8')).not.toContain('PATH');
  });

  it('exports a generated cluster as start would make it', async () => {
    const { code } = await run('export', 'upstart', 'out', '--members', '3');
    expect(code).toBe(0);
    const third = readFileSync(join(folder, 'out/app-etcd-3.conf'), 'utf8');
    expect(third).toContain('env ETCD_NAME=etcd3\n');
    expect(third).toMatch(/^env ETCD_INITIAL_CLUSTER=etcd1=http:\S+,etcd2=http:\S+,etcd3=http:\S+$/m);
    expect(third).toContain(join(folder, '.clusterctl/etcd3'));
    // Again, while a member of it runs.
    const port = Number(/^env ETCD_LISTEN_CLIENT_URLS=http:\/\/127.0.0.1:(\d+)$/m.exec(third)?.[1]);
    const taken = createServer().listen(port, '127.0.0.1');
    try {
      await once(taken, 'listening');
      expect((await run('export', 'upstart', 'out', '--members', '3')).code).toBe(0);
      expect(readFileSync(join(folder, 'out/app-etcd-3.conf'), 'utf8')).toBe(third);
    } finally {
      taken.close();
    }
  });

  it('writes where the user is, of what is in the base folder', async () => {
    mkdirSync(join(folder, 'app'));
    write('app/Procfile', 'web: true\n');
    expect((await run('export', 'systemd', 'out', '-d', 'app', '--log', 'logs')).code).toBe(0);
    const unit = readFileSync(join(folder, 'out/app-web.1.service'), 'utf8');
    expect(unit).toContain(`WorkingDirectory=${join(folder, 'app')}\n`);
    expect(unit).toContain(`StandardOutput=append:${join(folder, 'logs')}/app-web.1.log\n`);
  });

  it('has a file for each instance, and removes those of an export before', async () => {
    write('Procfile', 'web: true\nwork: true\n');
    await run('export', 'systemd', 'out', '-a', 'shop', '-m', 'web=2,work=1', '-p', '7000');
    expect(readdirSync(join(folder, 'out')).sort()).toEqual([
      'shop-web.1.service',
      'shop-web.2.service',
      'shop-work.1.service',
      'shop.target',
    ]);
    expect(readFileSync(join(folder, 'out/shop-web.2.service'), 'utf8')).toContain('"PORT=7001"');

    write('out/shop-own.service', '# mine\n');
    const { stdout } = await run('export', 'systemd', 'out', '-a', 'shop', '-m', 'web=1');
    expect(stdout).toContain(`removing ${join(folder, 'out/shop-web.2.service')}\n`);
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['shop-own.service', 'shop-web.1.service', 'shop.target']);
  });

  it('replaces no file of anybody else, and then writes nothing at all, unless forced', async () => {
    write('Procfile', 'web: true\n');
    mkdirSync(join(folder, 'out'));
    write('out/app.target', '# mine\n');
    const refused = await run('export', 'systemd', 'out');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe(
      `clusterctl: ${join(folder, 'out/app.target')} was not written by this export: ` +
        'remove it, choose another --app, or give --force\n',
    );
    expect(readdirSync(join(folder, 'out'))).toEqual(['app.target']);
    expect((await run('export', 'systemd', 'out', '--force')).code).toBe(0);
    rmSync(join(folder, 'out'), { recursive: true });
  });

  it.each([
    [[], 'export needs a format (systemd, upstart, supervisord, launchd) and a folder to write to'],
    [['sistemd', 'out'], 'no format sistemd: did you mean systemd?'],
    [['runit', 'out'], 'no format runit: choose among systemd, upstart, supervisord, launchd'],
    [['systemd'], 'export systemd needs a folder to write to'],
    [['systemd', 'o', '-a', 'a/b'], '--app "a/b": expected letters and digits, with single . _ - between them'],
    [['systemd', 'o', '-u', 'a b'], '--user "a b" is no name of a user'],
  ])('%j: %s', async (args, message) => {
    write('Procfile', 'web: true\n');
    const { code, stderr } = await run('export', ...args);
    expect(stderr).toBe(`clusterctl: ${message}\n`);
    expect(code).toBe(2);
  });
});

/** As upstart does with a line that has quotes: the shell gets it. */
function runUpstart(job: string): string {
  const text = readFileSync(join(folder, 'out', `${job}.conf`), 'utf8');
  const all = (stanza: string) =>
    [...text.matchAll(new RegExp(`^${stanza} (.*)$`, 'gm'))].map((match) => match[1] ?? '');
  const variables = all('env').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  const options = { cwd: folder, env: Object.fromEntries(variables), encoding: 'utf8' } as const;
  return execFileSync('/bin/sh', ['-e', '-c', `exec ${all('exec')[0]}`], options);
}
