import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { followSupervisor } from '../../src/supervisor/control-client.ts';
import type { RunStatus } from '../../src/supervisor/control-protocol.ts';
import { ControlServer } from '../../src/supervisor/control-server.ts';
import type { RunEvent } from '../../src/supervisor/observe/model.ts';

const status: RunStatus = { version: 1, pid: 1, source: '', startedAt: '', history: null, processes: [], faults: [] };
const healed = (id: string): RunEvent => ({ type: 'fault-healed', atMs: 1, id, command: '' });

let folder: string;
let path: string;
let server: ControlServer;
let asked: (number | null)[];
let followers: Set<(event: RunEvent) => void>;
/** Called when somebody has begun or ended to follow. */
let changed: () => void;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-events-'));
  path = join(folder, 'control.sock');
  asked = [];
  followers = new Set();
  changed = () => {};
  const listening = await ControlServer.listen(path, {
    answer: async () => ({ ok: true, status }),
    follow: (sinceMs, hear) => {
      asked.push(sinceMs);
      followers.add(hear);
      if (sinceMs !== null) hear(healed('past'));
      changed();
      return () => {
        followers.delete(hear);
        changed();
      };
    },
    lines: () => () => {},
  });
  if (listening.type !== 'listening') throw new Error('somebody else listens');
  server = listening.server;
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function followersAre(count: number): Promise<void> {
  while (followers.size !== count) {
    await new Promise<void>((resolve) => {
      changed = resolve;
    });
  }
}

async function follow(): Promise<Socket> {
  const socket = createConnection(path);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('{"command":"events"}\n');
  await followersAre(followers.size + 1);
  return socket;
}

describe('the events of a control socket', () => {
  it('come after the reply, the past ones first, until the supervisor ends', async () => {
    const heard: string[] = [];
    const over = followSupervisor(path, 7, (event) => heard.push(event.type === 'fault-healed' ? event.id : ''));
    await followersAre(1);
    for (const hear of followers) hear(healed('now'));
    await server.close();
    expect(await over).toBeNull();
    expect([heard, asked]).toEqual([['past', 'now'], [7]]);
  });

  it('are told to nobody who has gone', async () => {
    const socket = await follow();
    expect(asked).toEqual([null]);
    socket.destroy();
    await followersAre(0);
  });

  it('are no more told to one who does not read them', async () => {
    const socket = await follow();
    socket.pause();
    const long = healed('x'.repeat(64 * 1024));
    for (let count = 0; count < 64 && followers.size > 0; count++) {
      for (const hear of followers) hear(long);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await followersAre(0);
    socket.destroy();
  });

  it('are refused with the words of the supervisor, or for want of one', async () => {
    expect(await followSupervisor(join(folder, 'nobody.sock'), null, () => {})).toBe('nobody answers');
    const guarded = await ControlServer.listenTcp('127.0.0.1', 0, 'secret', {
      answer: async () => ({ ok: true, status }),
      follow: () => () => {},
      lines: () => () => {},
    });
    const address = { host: '127.0.0.1', port: guarded.port, token: 'guess' };
    expect(await followSupervisor(address, null, () => {})).toBe('the token is wrong or missing');
    await guarded.close();
  });
});
