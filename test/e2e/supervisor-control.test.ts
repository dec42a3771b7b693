import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Run } from './supervisor-harness.ts';
import { workplace } from './supervisor-harness.ts';

const procfile = `web: trap "echo bye; exit 0" TERM; echo web up; while :; do sleep 0.05; done
db: echo db up; exec sleep 60
`;

const place = workplace(
  'SIGTERM',
  () => {},
  () => expect(sockets()).toEqual([]),
);
let cwd: string;
beforeEach(() => {
  cwd = place.cwd;
  writeFileSync(join(cwd, 'Procfile'), procfile);
});

function sockets(): string[] {
  return readdirSync(join(place.installation.folder, 'run'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.sock'),
  );
}

/** Standard output, standard error and exit code of one command. */
async function command(args: readonly string[], folder = cwd): Promise<[string, string, number | null]> {
  const run = place.run(args, {}, folder);
  const { code } = await run.ended;
  return [run.stdout.toString(), run.stderr, code];
}

async function started(...flags: string[]): Promise<Run> {
  const run = place.run([...flags, 'start']);
  await run.seen(/web up/);
  await run.seen(/db up/);
  return run;
}

describe('clusterctl run, from another terminal', () => {
  it('prints and does what goreman prints and does', async () => {
    const supervisor = await started();
    expect(await command(['run', 'list'])).toEqual(['web\ndb\n', '', 0]);
    expect(await command(['run', 'status'])).toEqual(['*web\n*db\n', '', 0]);
    expect(await command(['run', 'stop', 'web'])).toEqual(['', '', 0]);
    expect(await command(['run', 'status'])).toEqual([' web\n*db\n', '', 0]);
    expect(supervisor.lines.slice(-2)).toEqual(['web | bye', 'web | exited with code 0']);
    expect(await command(['run', 'start', 'web'])).toEqual(['', '', 0]);
    expect(await command(['run', 'restart', 'db', 'web'])).toEqual(['', '', 0]);
    expect(await command(['run', 'status'])).toEqual(['*web\n*db\n', '', 0]);
    expect(await command(['run', 'stop', 'nosuch'])).toEqual(['', 'clusterctl: unknown proc: nosuch\n', 1]);
    expect(await command(['run', 'start', 'nosuch'])).toEqual(['', 'clusterctl: unknown name: nosuch\n', 1]);
    expect(await command(['run', 'restart-all'])).toEqual(['', '', 0]);
    expect(await command(['run', 'stop-all'])).toEqual(['', '', 0]);
    expect((await supervisor.ended).code).toBe(0);
  });

  it('says the last words of a process before it starts it again', async () => {
    const supervisor = await started();
    await command(['run', 'restart', 'web']);
    await supervisor.seen(/exited with code 0[\s\S]*web up/);
    expect(supervisor.lines.filter((line) => line.startsWith('web')).slice(-4)).toEqual([
      'web | bye',
      'web | exited with code 0',
      'web | Starting web on port 5000',
      'web | web up',
    ]);
  });

  it('ends the run when it stops the last process', async () => {
    const supervisor = await started();
    expect(await command(['run', 'stop', 'web', 'db'])).toEqual(['', '', 0]);
    expect((await supervisor.ended).code).toBe(0);
  });

  it('finds the supervisor from anywhere while it is the only one, but not in place of another', async () => {
    const elsewhere = join(cwd, 'elsewhere');
    mkdirSync(elsewhere);
    expect((await command(['run', 'status'], elsewhere))[1]).toContain('no supervisor runs');
    await started();
    expect((await command(['run', 'status'], elsewhere))[0]).toBe('*web\n*db\n');
    expect((await command(['-f', join(cwd, 'Procfile'), 'run', 'status'], elsewhere))[0]).toBe('*web\n*db\n');
    writeFileSync(join(elsewhere, 'Procfile'), 'other: true\n');
    const [, complaint, code] = await command(['run', 'stop', 'web'], elsewhere);
    expect(complaint).toContain(`no supervisor runs ${join(elsewhere, 'Procfile')}; choose with -f among:\n`);
    expect(complaint).toContain(join(cwd, 'Procfile'));
    expect(code).toBe(1);
  });

  it("tells supervisors apart by goreman's -p", async () => {
    await started('-p', '23117');
    expect(await command(['-p', '23117', 'run', 'list'])).toEqual(['web\ndb\n', '', 0]);
    expect((await command(['-p', '23118', 'run', 'list']))[1]).toContain('no supervisor runs -p 23118');
  });

  it("takes goreman's own port for no name at all", async () => {
    await started();
    expect(await command(['-p', '8555', 'run', 'list'])).toEqual(['web\ndb\n', '', 0]);
  });

  it('says who runs a Procfile already', async () => {
    const first = await started();
    const second = place.run(['start', 'db']);
    await second.seen(/db up/);
    expect(second.stderr).toContain(`Procfile is run by process ${first.child.pid} already`);
    expect((await command(['run', 'list']))[0]).toBe('web\ndb\n');
  });

  it('takes over the socket of a supervisor that was killed', async () => {
    const killed = await started();
    killed.child.kill('SIGKILL');
    await new Promise((resolve) => killed.child.once('exit', resolve));
    expect((await command(['run', 'list']))[1]).toContain('no supervisor runs');
    expect(sockets().length).toBe(1);
    await started();
    expect((await command(['run', 'list']))[0]).toBe('web\ndb\n');
  });

  it('does not wait for ever for a supervisor that is stopped', async () => {
    const first = await started();
    first.child.kill('SIGSTOP');
    const [, complaint, code] = await command(['run', 'list']);
    first.child.kill('SIGCONT');
    expect([complaint, code]).toEqual([expect.stringContaining('no supervisor runs'), 1]);
  });

  it('has no socket if none is wanted', async () => {
    await started('-rpc-server=false');
    expect(sockets()).toEqual([]);
  });
});

describe('clusterctl status', () => {
  it('tells what runs, since when, and how it ended', async () => {
    const supervisor = await started();
    await command(['run', 'restart', 'db']);
    await command(['run', 'stop', 'web']);
    const status = JSON.parse((await command(['status', '--json']))[0]);
    expect(status).toMatchObject({
      version: 1,
      pid: supervisor.child.pid,
      source: join(cwd, 'Procfile'),
      processes: [
        { name: 'web', state: 'stopped', pid: null, port: 5000, uptimeMs: null, restarts: 0, exit: { code: 0 } },
        { name: 'db', state: 'running', port: 5100, restarts: 1, exit: { code: null, signal: 'SIGTERM' } },
      ],
    });
    const table = (await command(['status']))[0].split('\n');
    expect(table[0]).toMatch(/^NAME +STATE +READY +PID +PORT +UPTIME +RESTARTS +LAST EXIT$/);
    expect(table[1]).toMatch(/^web +stopped +no +- +5000 +- +0 +exited with code 0$/);
  });
});

describe('clusterctl wait', () => {
  it('waits for a supervisor, for its processes, and for their end', async () => {
    const waiting = command(['wait', '--timeout', '20s']);
    await started();
    expect(await waiting).toEqual(['', '', 0]);
    expect(await command(['wait', '--for=exit', '--timeout', '100ms'])).toEqual([
      '',
      'clusterctl: gave up waiting: web is running\n',
      124,
    ]);
    const ended = command(['wait', '--for=exit', 'web']);
    await command(['run', 'stop', 'web']);
    expect(await ended).toEqual(['', '', 0]);
    expect((await command(['wait', '--timeout=0s']))[1]).toContain('gave up waiting: web is stopped');
    expect(await command(['wait', 'nosuch'])).toEqual(['', 'clusterctl: unknown proc: nosuch\n', 1]);
  });

  it('does not wait for a leader where none of the processes is an etcd', async () => {
    await started();
    expect(await command(['wait', '--for=leader'])).toEqual(['', 'clusterctl: none of the processes is an etcd\n', 1]);
  });

  it('knows a member with a leader by its health', async () => {
    let leader = false;
    const server = createServer((_, response) => response.end(JSON.stringify({ health: String(leader) })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    writeFileSync(
      join(place.installation.folder, 'dist/etcd.js'),
      'setInterval(() => {}, 1000); console.log("member up")',
    );
    writeFileSync(join(cwd, 'Procfile'), `e: etcd --name x --advertise-client-urls ${url}\n`);
    await place.run(['start']).seen(/member up/);
    expect(await command(['wait', '--for=leader', '-t', '0'])).toEqual([
      '',
      `clusterctl: gave up waiting: e: ${url} does not know a leader\n`,
      124,
    ]);
    leader = true;
    expect(await command(['wait', '--for=leader', '--timeout', '20s'])).toEqual(['', '', 0]);
    server.close();
  });
});

describe('the control socket', () => {
  it('answers nonsense with an error, and outlives a flood', async () => {
    await started();
    const path = join(place.installation.folder, 'run', sockets()[0] ?? '');
    const ask = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = '';
        const socket = createConnection(path, () => socket.write(text));
        socket.on('error', () => {});
        socket.on('close', () => resolve(answer));
        socket.on('data', (chunk) => {
          answer += String(chunk);
          socket.end();
        });
      });
    expect(await ask('hello\n')).toBe('{"ok":false,"error":"a request is one line of JSON"}\n');
    expect(await ask('{"command":"fly"}\n')).toBe('{"ok":false,"error":"unknown command fly"}\n');
    expect(await ask('{"command":"stop","names":[1]}\n')).toBe('{"ok":false,"error":"names are strings"}\n');
    expect(await ask('x'.repeat(1024 * 1024))).toBe('');
    expect((await command(['run', 'status']))[0]).toBe('*web\n*db\n');
  });
});

describe('clusterctl exec, and run with any other word', () => {
  it('runs one command with the variables of the env file, and passes its exit code on', async () => {
    writeFileSync(join(cwd, '.env'), 'A=1\n');
    writeFileSync(join(cwd, 'Procfile'), 'job: echo A is $A; exit 5\n');
    expect(await command(['run', 'echo', 'a  b', '$A', '-f'])).toEqual(['a  b $A -f\n', '', 0]);
    expect(await command(['exec', 'echo $A; exit 7'])).toEqual(['1\n', '', 7]);
    expect(await command(['run', 'job'])).toEqual(['A is 1\n', '', 5]);
    expect(await command(['exec', 'list'])).toMatchObject([expect.anything(), expect.stringContaining('list'), 127]);
    expect(await command(['exec', 'kill -9 $$'])).toEqual(['', '', 137]);
    expect(await command(['exec', '/no/such/program', 'x'])).toMatchObject([
      '',
      expect.stringContaining('ENOENT'),
      127,
    ]);
    expect((await command(['run']))[2]).toBe(2);
    expect((await command(['run', 'stop']))[2]).toBe(2);
  });
});
