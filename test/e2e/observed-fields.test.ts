/** Every event and every fact that a run tells, as docs/observing.md lists them: fields are neither missing nor unsaid. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/supervisor/observe/model.ts';
import { ObservedCluster } from '../support/observed-cluster.ts';

const page = readFileSync(new URL('../../docs/observing.md', import.meta.url), 'utf8');

/** The rows of the table with this head; names in backquotes of the first two columns. */
function table(head: string): { readonly first: string[]; readonly second: string[] }[] {
  const [, rows = ''] = page.split(`\n${head}`);
  const lines = rows.split('\n').slice(2);
  return lines.slice(0, lines.indexOf('')).map((line) => {
    const [, first = '', second = ''] = line.split('|');
    const names = (cell: string) => [...cell.matchAll(/`([\w.-]+)`/g)].map(([, name = '']) => name);
    return { first: names(first), second: names(second) };
  });
}

/** Of events by name; what is nested in `fault` stands after it. */
const eventFields = new Map(table('| `event` | fields').map(({ first, second }) => [first[0] ?? '', second]));
const facts = table('| field |').flatMap(({ first }) => first);

function factsOf(prefix: string): string[] {
  const below = facts.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return below.filter((name) => !name.includes('.')).sort();
}

let cluster: ObservedCluster;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-built-'));
  const bin = resolve(import.meta.dirname ?? '.', '../../bin/clusterctl');
  cluster = new ObservedCluster({ folder, bin, remove: () => {} }, []);
});
afterAll(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the NDJSON of a run', () => {
  it('has each event that there is, with the fields that the manual lists', async () => {
    await cluster.next('leader-changed', 0);
    await cluster.command('wait', '--for=ready', '--timeout', '20s');
    await cluster.command('fault', 'partition', '--isolate', 'leader');
    await cluster.next('leader-changed', 1);
    await cluster.command('fault', 'heal', '--all');
    await cluster.command('fault', 'kill', 'leader');
    await cluster.next('leader-changed', 2);
    await cluster.command('fault', 'heal', '--all');
    // A type that is not in the list fails to compile; one that the manual does not have, below.
    const types: Record<RunEvent['type'], true> = {
      'leader-changed': true,
      'leader-lost': true,
      election: true,
      'fault-injected': true,
      'fault-effective': true,
      'fault-healed': true,
      'member-started': true,
      'member-exited': true,
    };
    expect([...eventFields.keys()].sort()).toEqual(Object.keys(types).sort());
    for (const [type, fields] of eventFields) {
      const told = await cluster.next(type, 0);
      const { time: _, monotonicMs: __, event: ___, text: ____, ...rest } = told;
      const nested = 'fault' in rest ? Object.keys(Object(rest['fault'])) : [];
      expect([type, ...Object.keys(rest), ...nested].sort()).toEqual([type, ...fields].sort());
    }
    for (const event of cluster.eventsOf('leader-changed').slice(1)) {
      expect(event).toMatchObject({ from: expect.any(String), to: expect.any(String), downtimeMs: expect.any(Number) });
    }
  });

  it('names the events of single processes as the manual does', () => {
    const listed = new Map(table('| `event` of a process').map(({ first, second }) => [first[0] ?? '', second]));
    const lines = cluster.run.stdout.toString().split('\n').slice(0, -1);
    const records = lines.map((line): Record<string, unknown> => JSON.parse(line)).filter((one) => 'process' in one);
    for (const { time: _, monotonicMs: __, process: ___, text: ____, event, ...rest } of records) {
      if (event === undefined) expect(Object.keys(rest)).toEqual(['pid', 'stream', 'line']);
      else expect([event, ...Object.keys(rest)]).toEqual([event, ...(listed.get(String(event)) ?? ['unlisted'])]);
    }
    const seen = new Set(records.map(({ event }) => event));
    for (const event of ['starting', 'exited', 'process-ready', 'note']) expect(seen).toContain(event);
  });
});

describe('status --cluster --json', () => {
  it('has the fields that the manual lists', async () => {
    await cluster.command('fault', 'delay', '1ms');
    const status = JSON.parse(await cluster.command('status', '--cluster', '--json'));
    expect(Object.keys(status).sort()).toEqual(factsOf(''));
    const [process] = status.processes;
    expect(Object.keys(process).sort()).toEqual(factsOf('processes.'));
    expect(Object.keys(process.member).sort()).toEqual(factsOf('member.'));
    expect(Object.keys(status.links[0]).sort()).toEqual(factsOf('links.'));
    expect(Object.keys(status.faults[0]).sort()).toEqual(factsOf('faults.'));
    expect(status.links).toHaveLength(6);
    expect(status.links[0].faults).toEqual([status.faults[0].id]);
  });
});
