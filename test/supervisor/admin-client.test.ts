import { mkdtempSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminLineBytesMax } from '../../src/base/admin-protocol.ts';
import { AdminClient } from '../../src/supervisor/admin-client.ts';
import { adminStatus } from './observe/admin-status.ts';

let folder: string;
let path: string;
let server: Server | null;
let client: AdminClient;
let sockets: Set<Socket>;
/** What the client has told, in order. */
let told: string[];
let wake: () => void;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-admin-'));
  path = join(folder, 'a.sock');
  server = null;
  sockets = new Set();
  told = [];
  wake = () => {};
  const note = (what: string) => {
    told.push(what);
    wake();
  };
  client = new AdminClient(path, {
    onConnected: () => note('connected'),
    onGone: () => note('gone'),
    onStatus: (status) => note(`term ${status.term}`),
  });
});
afterEach(() => {
  client.close();
  stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A member that answers each line by what `answer` makes of its id; null: not at all. */
function start(answer: (id: number) => string | null): void {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const line of chunk.toString().trim().split('\n')) {
        const said = answer(JSON.parse(line).id);
        if (said !== null) socket.write(said);
      }
    });
  });
  server.listen(path);
}

function stop(): void {
  server?.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  rmSync(path, { force: true });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

const answered = (id: number) => `${JSON.stringify({ id, ok: true, status: adminStatus() })}\n`;

describe('AdminClient', () => {
  it('connects when the member listens, and again when it is back', async () => {
    client.open();
    client.open();
    start(answered);
    await until(() => client.connected);
    expect(await client.order({ op: 'status', everyMs: 0 }, 5_000)).toEqual({ ok: true, value: adminStatus() });
    stop();
    await until(() => told.includes('gone'));
    start(answered);
    await until(() => told.filter((what) => what === 'connected').length === 2);
    expect(told).toEqual(['connected', 'term 2', 'gone', 'connected']);
  });

  it('hears pushes between answers, and no nonsense', async () => {
    const push = JSON.stringify({ event: 'status', status: adminStatus({ term: 7 }) });
    start((id) => `nonsense\n${push}\n${JSON.stringify({ id, ok: false, error: 'no' })}\n`);
    client.open();
    await until(() => client.connected);
    expect(await client.order({ op: 'probe', peers: [] }, 5_000)).toEqual({ ok: false, error: 'no' });
    expect(told).toEqual(['connected', 'term 7']);
  });

  it('says when there is no answer, for want of a member, of time or of its connection', async () => {
    const order = () => client.order({ op: 'status', everyMs: 0 }, 50);
    expect(await order()).toEqual({ ok: false, error: 'its admin socket is not connected' });
    start(() => null);
    client.open();
    await until(() => client.connected);
    expect(await order()).toEqual({ ok: false, error: 'no answer within 0.05 s' });
    const waiting = client.order({ op: 'status', everyMs: 0 }, 5_000);
    stop();
    expect(await waiting).toEqual({ ok: false, error: 'the member is gone' });
  });

  it('takes no more orders than it can keep in mind', async () => {
    start(() => null);
    client.open();
    await until(() => client.connected);
    const waiting = Array.from({ length: 64 }, () => client.order({ op: 'status', everyMs: 0 }, 5_000));
    expect(await client.order({ op: 'status', everyMs: 0 }, 5_000)).toEqual({
      ok: false,
      error: 'it has too many orders to answer already',
    });
    client.close();
    await Promise.all(waiting);
  });

  it('leaves a member that never ends its line', async () => {
    start(() => 'x'.repeat(adminLineBytesMax + 1));
    client.open();
    await until(() => client.connected);
    expect(await client.order({ op: 'status', everyMs: 0 }, 5_000)).toEqual({ ok: false, error: 'the member is gone' });
  });
});
