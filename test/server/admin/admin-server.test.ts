import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AdminRequest, type AdminStatus, adminLineBytesMax } from '../../../src/base/admin-protocol.ts';
import { AdminServer } from '../../../src/server/admin/admin-server.ts';

let folder: string;
let path: string;
let server: AdminServer;
const closers: (() => void)[] = [];
const heard: AdminRequest[] = [];
let term = 1;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-admin-'));
  path = join(folder, 'one.sock');
  server = await listen();
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await server.close();
  rmSync(folder, { recursive: true });
  heard.splice(0);
});

function listen(): Promise<AdminServer> {
  return AdminServer.listen(path, {
    answer: async (request) => {
      heard.push(request);
      return request.op === 'status' ? { id: request.id, ok: true, status: statusNow() } : { id: request.id, ok: true };
    },
    status: () => (silent ? null : statusNow()),
  });
}

// What it says is the member's business: the server passes it on.
const statusNow = () => ({ term }) as AdminStatus;
let silent = false;

class Client {
  readonly socket: Socket;
  readonly lines: string[] = [];
  private readonly waiting: (() => void)[] = [];
  ended = false;

  constructor() {
    let text = '';
    this.socket = createConnection(path);
    this.socket.setEncoding('utf8');
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
      this.wake();
    });
    this.socket.on('data', (chunk: string) => {
      text += chunk;
      const parts = text.split('\n');
      text = parts.pop() ?? '';
      this.lines.push(...parts);
      this.wake();
    });
    closers.push(() => this.socket.destroy());
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  send(request: object | string): void {
    this.socket.write(`${typeof request === 'string' ? request : JSON.stringify(request)}\n`);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

describe('the admin socket', () => {
  it('is for this user alone, and gone when it is closed', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('answers each request with its id, and says what is wrong with others', async () => {
    const client = new Client();
    client.send({ id: 4, op: 'move-leader', to: 'ab' });
    client.send('nonsense');
    await client.until(() => client.lines.length === 2);
    expect(client.lines.map((line) => JSON.parse(line))).toEqual(
      expect.arrayContaining([
        { id: 4, ok: true },
        { id: 0, ok: false, error: 'a request is a JSON object on one line' },
      ]),
    );
  });

  it('pushes to those who ask for it: at once on changes, and every so often', async () => {
    const [watcher, other] = [new Client(), new Client()];
    watcher.send({ id: 1, op: 'status', everyMs: 60_000 });
    other.send({ id: 1, op: 'status', everyMs: 0 });
    await Promise.all([watcher.until(() => watcher.lines.length === 1), other.until(() => other.lines.length === 1)]);
    term = 7;
    server.changed();
    await watcher.until(() => watcher.lines.length === 2);
    expect(JSON.parse(watcher.lines[1] ?? '')).toEqual({ event: 'status', status: { term: 7 } });
    watcher.send({ id: 2, op: 'status', everyMs: 20 });
    await watcher.until(() => watcher.lines.length >= 5);
    expect(other.lines).toHaveLength(1);
  });

  it('pushes nothing while there is nothing to tell', async () => {
    const watcher = new Client();
    watcher.send({ id: 1, op: 'status', everyMs: 60_000 });
    await watcher.until(() => watcher.lines.length === 1);
    silent = true;
    server.changed();
    silent = false;
    server.changed();
    watcher.send({ id: 2, op: 'probe', peers: [] });
    await watcher.until(() => watcher.lines.length === 3);
    expect(watcher.lines.map((line) => 'event' in JSON.parse(line))).toEqual([false, true, false]);
  });

  it('takes the place of a socket that nobody answers at, not of one that lives', async () => {
    await expect(listen()).rejects.toThrow(`another process listens at ${path}`);
    await server.close();
    // As a process leaves it behind that was killed.
    const program = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
    spawnSync(process.execPath, ['-e', program, path]);
    expect(existsSync(path)).toBe(true);
    server = await listen();
    const client = new Client();
    client.send({ id: 1, op: 'status', everyMs: 0 });
    await client.until(() => client.lines.length === 1);
  });

  it('closes the connection of who sends a line without end, and takes no more than sixteen', async () => {
    const client = new Client();
    client.socket.write('x'.repeat(adminLineBytesMax + 1));
    await client.until(() => client.ended);
    expect(client.lines).toEqual([]);
    const crowd = Array.from({ length: 20 }, () => new Client());
    for (const one of crowd) one.send({ id: 1, op: 'status', everyMs: 0 });
    await Promise.all(crowd.map((one) => one.until(() => one.ended || one.lines.length > 0)));
    expect(crowd.filter((one) => one.lines.length > 0).length).toBeLessThanOrEqual(16);
  });
});
