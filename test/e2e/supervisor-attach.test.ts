import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Run, workplace } from './supervisor-harness.ts';

const place = workplace();
let cwd: string;
beforeEach(() => {
  cwd = place.cwd;
});

function clusterctl(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  return place.run(args, env);
}

describe('clusterctl attach', () => {
  it('follows what a supervisor says, and Ctrl-C leaves that running', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo one; read x < fifo; echo two; exec sleep 60\nb: exec sleep 60\n');
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(cwd, 'fifo')]);
    const supervisor = clusterctl(['start']);
    await supervisor.seen(/one/);
    const attached = clusterctl(['attach', 'a']);
    await attached.seen(/one/);
    writeFileSync(join(cwd, 'fifo'), 'go\n');
    await attached.seen(/two/);
    expect(attached.lines).toEqual(['a | Starting a on port 5000', 'a | one', 'a | two']);
    expect(await attached.endBy('SIGINT')).toMatchObject({ code: 0, signal: null });
    const status = clusterctl(['run', 'status']);
    expect(await status.ended).toEqual({ code: 0, signal: null });
    expect(status.lines).toEqual(['*a', '*b']);
  });

  it('shows the last words of a supervisor and ends with it', async () => {
    writeFileSync(join(cwd, 'Procfile'), "a: trap 'echo bye; exit 3' INT; echo up; while :; do sleep 0.1; done\n");
    const supervisor = clusterctl(['start']);
    await supervisor.seen(/up/);
    const attached = clusterctl(['attach']);
    await attached.seen(/up/);
    await supervisor.endBy('SIGINT');
    expect(await attached.ended).toEqual({ code: 0, signal: null });
    expect(attached.lines.slice(-2)).toEqual(['a | bye', 'a | exited with code 3']);
  });

  it('says what it cannot follow', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo up; exec sleep 60\n');
    const none = clusterctl(['attach']);
    expect((await none.ended).code).toBe(1);
    expect(none.stderr).toContain('clusterctl: no supervisor runs');
    const supervisor = clusterctl(['start', '--history=false']);
    await supervisor.seen(/up/);
    const unknown = clusterctl(['attach', 'nosuch']);
    expect((await unknown.ended).code).toBe(1);
    expect(unknown.stderr).toBe('clusterctl: unknown proc: nosuch\n');
    const logs = clusterctl(['logs']);
    expect((await logs.ended).code).toBe(1);
    expect(logs.stderr).toContain(`process ${supervisor.child.pid} keeps no log history: clusterctl attach shows`);
  });

  it('shows what is said from now on where no history is kept', async () => {
    const said = join(cwd, 'said');
    writeFileSync(said, '');
    writeFileSync(join(cwd, 'Procfile'), 'a: echo up; exec tail -f said\nb: while :; do echo more; sleep 0.05; done\n');
    const supervisor = clusterctl(['start', '--history=false']);
    await supervisor.seen(/up/);
    const attached = clusterctl(['attach', 'a']);
    const all = clusterctl(['attach']);
    await all.seen(/b \| more/);
    // What is said before it follows is not for it to show.
    await expect
      .poll(() => {
        appendFileSync(said, 'one\n');
        return attached.lines;
      })
      .toContain('a | one');
    appendFileSync(said, Buffer.concat([Buffer.from([0xff, 0x80]), Buffer.from(' bytes\n')]));
    await attached.seen(/bytes/);
    const json = clusterctl(['attach', '--output', 'ndjson', 'b']);
    await json.seen(/"stream":"stdout","line":"more"\}\n/);
    await supervisor.endBy('SIGINT');
    expect((await attached.ended).code).toBe(0);
    expect((await all.ended).code).toBe(0);
    expect(attached.stderr).toMatch(
      /^clusterctl: process \d+ keeps no log history: what was said before is not shown\n$/,
    );
    expect(attached.stdout.includes(Buffer.from([0xff, 0x80, 0x20]))).toBe(true);
    expect(attached.lines.filter((line) => line.startsWith('b'))).toEqual([]);
    expect(attached.lines.at(-1)).toBe('a | terminated by SIGINT');
  });
});

describe('control over TCP', () => {
  it('obeys who has the token, on a loopback address only', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo up; exec sleep 60\n');
    const file = join(cwd, 'token');
    const supervisor = clusterctl(['start', '--control=false', '--control-tcp', '0', '--control-token-file', file]);
    await supervisor.seen(/up/);
    const [, port = ''] = /--control-tcp 127\.0\.0\.1:(\d+) /.exec(supervisor.stderr) ?? [];
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = readFileSync(file, 'utf8').trim();

    const status = clusterctl(['run', 'status', '--control-tcp', port], { CLUSTERCTL_TOKEN: token });
    expect(await status.ended).toEqual({ code: 0, signal: null });
    expect(status.lines).toEqual(['*a']);
    const logs = clusterctl(['logs', '--control-tcp', port, '-n', '1'], { CLUSTERCTL_TOKEN: token });
    expect(await logs.ended).toEqual({ code: 0, signal: null });
    expect(logs.lines).toEqual(['a | up']);
    const wrong = clusterctl(['run', 'status', '--control-tcp', port], { CLUSTERCTL_TOKEN: 'guess' });
    expect((await wrong.ended).code).toBe(1);
    expect(wrong.stderr).toContain('says: the token is wrong or missing');
    expect(await talk(Number(port), '{"command":"stop-all"}\n{"command":"status"}\n')).toBe(
      '{"ok":false,"error":"the token is wrong or missing"}\n',
    );
    const stop = clusterctl(['run', 'stop', 'a', `--control-tcp=localhost:${port}`, '--control-token-file', file]);
    expect(await stop.ended).toEqual({ code: 0, signal: null });
    expect((await supervisor.ended).code).toBe(0);

    const world = clusterctl(['start', '--control-tcp', '0.0.0.0:1']);
    expect((await world.ended).code).toBe(2);
    expect(world.stderr).toContain('0.0.0.0 is not a loopback address such as 127.0.0.1');
    writeFileSync(join(cwd, 'open'), 'secret\n', { mode: 0o644 });
    const open = clusterctl(['status', '--control-tcp', port, '--control-token-file', 'open']);
    expect((await open.ended).code).toBe(1);
    expect(open.stderr).toContain('may be read by others: chmod 600 it');
  });
});

/** Everything that the other side says until it closes. */
function talk(port: number, words: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = createConnection(port, '127.0.0.1', () => socket.write(words));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
  });
}
