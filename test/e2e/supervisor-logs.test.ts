import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Run, workplace } from './supervisor-harness.ts';

const place = workplace();
let cwd: string;
beforeEach(() => {
  cwd = place.cwd;
});

function clusterctl(...args: string[]): Run {
  return place.run(args);
}

async function linesOf(...args: string[]): Promise<string[]> {
  const run = clusterctl(...args);
  expect(await run.ended).toEqual({ code: 0, signal: null });
  return run.lines;
}

describe('clusterctl logs', () => {
  it('prints what was said, while the run lasts and after', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo one; exec sleep 60\nb: sleep 0.2; echo two >&2; exec sleep 60\n');
    const supervisor = clusterctl('start');
    await supervisor.seen(/two/);
    const during = ['a | Starting a on port 5000', 'b | Starting b on port 5100', 'a | one', 'b | two'];
    expect(await linesOf('logs')).toEqual(during);
    await supervisor.endBy('SIGINT');
    expect((await linesOf('logs')).slice(0, 4)).toEqual(during);
    expect(await linesOf('logs', 'b', '-n', '2')).toEqual(['b | two', 'b | terminated by SIGINT']);
    expect(await linesOf('logs', '--grep', '^t[wx]o$')).toEqual(['b | two']);
    expect(await linesOf('logs', '--since', '1ns')).toEqual([]);
    expect((await linesOf('logs', '--since', '1h')).length).toBe(6);
  });

  it('prints JSON for programs', async () => {
    writeFileSync(join(cwd, 'Procfile'), `a: printf 'one\\n\\377\\n'; echo two >&2\n`);
    await clusterctl('start').ended;
    const records = (await linesOf('logs', '--output', 'ndjson')).map((line) => JSON.parse(line));
    const byName = { time: expect.stringMatching(/^\d{4}-.*Z$/), process: 'a' };
    expect(records).toHaveLength(5);
    expect(records).toEqual(
      expect.arrayContaining([
        { ...byName, event: 'note', text: 'Starting a on port 5000' },
        { ...byName, stream: 'stdout', line: 'one' },
        { ...byName, stream: 'stdout', line: '\ufffd', base64: '/w==' },
        { ...byName, stream: 'stderr', line: 'two' },
        { ...byName, event: 'note', text: 'exited with code 0' },
      ]),
    );
  });

  it('follows', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo first; read x < fifo; echo second; exec sleep 60\n');
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(cwd, 'fifo')]);
    const supervisor = clusterctl('start');
    await supervisor.seen(/first/);
    const follower = clusterctl('logs', '-f', '-n', '1');
    await follower.seen(/first/);
    writeFileSync(join(cwd, 'fifo'), 'go\n');
    await follower.seen(/second/);
    expect(follower.lines).toEqual(['a | first', 'a | second']);
  });

  it('says what it does not have', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: true\n');
    const none = clusterctl('logs');
    expect((await none.ended).code).toBe(1);
    expect(none.stderr).toContain('clusterctl: no log history here');
    await clusterctl('start').ended;
    const unknown = clusterctl('logs', 'x');
    expect((await unknown.ended).code).toBe(1);
    expect(unknown.stderr).toBe('clusterctl: no log history of x (there is: a)\n');
  });

  it('keeps two runs of one Procfile apart, and a writer that is gone stops nobody', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: echo "from $RUN"; exec sleep 60\n');
    const first = place.run(['start'], { RUN: 'one' });
    await first.seen(/from one/);
    const second = place.run(['start', '--control=false'], { RUN: 'two' });
    await second.seen(/from two/);
    expect(second.stderr).toMatch(/warning: no log history: process \d+ writes that of this Procfile/);
    expect(await linesOf('logs', '--grep', 'from')).toEqual(['a | from one']);
    await second.endBy('SIGINT');
    await first.endBy('SIGKILL');
    const third = place.run(['start'], { RUN: 'three' });
    await third.seen(/from three/);
    expect(third.stderr).toBe('');
    expect(await linesOf('logs', '--grep', 'from')).toEqual(['a | from one', 'a | from three']);
  });

  it('keeps as much as it is told', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: i=0; while [ $i -lt 120 ]; do printf "%08000d\\n" $i; i=$((i+1)); done\n');
    await clusterctl('start', '--history-size', '64k', '--history-files', '3').ended;
    const kept = await linesOf('logs', '--grep', '0');
    expect(kept.length).toBeGreaterThan(8);
    expect(kept.length).toBeLessThan(50);
    const wrong = clusterctl('start', '--history-size', '1');
    expect((await wrong.ended).code).toBe(2);
    expect(wrong.stderr).toContain('expected a size from 64K to 1G such as 16M');
  });

  it('has nothing of a run without history', async () => {
    writeFileSync(join(cwd, 'Procfile'), 'a: true\n');
    await clusterctl('start', '--history=false').ended;
    expect((await clusterctl('logs').ended).code).toBe(1);
  });
});
