import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FabricThread } from '../../../src/chaos/fabric/fabric-thread.ts';
import { wholeLink } from '../../../src/chaos/fabric/link-policy.ts';
import { bundleFabric } from '../../support/fabric-cluster.ts';

describe('the thread of the fabric', () => {
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'clusterctl-fabric-'));
    file = await bundleFabric(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function members(...names: readonly string[]) {
    return names.map((name, at) => ({ name, cluster: 'c', host: `192.0.2.${at + 1}`, port: 2380, tls: false }));
  }

  it('takes orders in turn', async () => {
    const failures: string[] = [];
    const fabric = await FabricThread.start(file, (message) => failures.push(message));
    const known = fabric.addMembers(members('a', 'b'));
    const unknown = fabric.setLinks([wholeLink('a', 'x')]);
    const set = fabric.setLinks([{ ...wholeLink('a', 'b'), cut: true }]);
    const observed = fabric.observed();
    await known;
    expect(await unknown).toEqual({ ok: false, error: 'the fabric knows no member x' });
    expect(await set).toEqual({ ok: true, value: undefined });
    expect((await observed).map(({ from, to }) => `${from} ${to}`)).toEqual(['a b', 'b a']);
    expect(fabric.proxyUrl('web.2')).toMatch(/^socks5:\/\/web\.2:[0-9a-f]{32}@127\.0\.0\.1:\d+$/);
    await fabric.close();
    expect(await fabric.setLinks([])).toEqual({ ok: false, error: 'the fabric between members is closed' });
    expect(failures).toEqual([]);
  });

  it('answers while this thread does something else', async () => {
    const fabric = await FabricThread.start(file, () => {});
    const { port } = new URL(fabric.proxyUrl('a'));
    const dial = `const socket = require('node:net').connect(${port}, '127.0.0.1');
      socket.write(Buffer.of(5, 1, 2));
      socket.once('data', (bytes) => { process.stdout.write(bytes.toString('hex')); socket.destroy(); });`;
    // Blocks this thread until the answer has come.
    expect(execFileSync(process.execPath, ['-e', dial], { timeout: 10_000 }).toString()).toBe('0502');
    await fabric.close();
  });

  it('says when it breaks, and what is asked of it then fails', async () => {
    const broken = join(folder, 'broken.js');
    writeFileSync(
      broken,
      `const { parentPort } = require('node:worker_threads');
       parentPort.once('message', () => { throw new Error('out of sockets'); });
       parentPort.postMessage({ type: 'listening', port: 1 });`,
    );
    const failures: string[] = [];
    const fabric = await FabricThread.start(broken, (message) => failures.push(message));
    const error = 'the fabric between members failed: out of sockets';
    expect(await fabric.setLinks([])).toEqual({ ok: false, error });
    expect(await fabric.observed()).toEqual([]);
    expect(failures).toEqual([error]);
    await fabric.close();
    const missing = FabricThread.start(join(folder, 'missing.js'), () => {});
    await expect(missing).rejects.toThrow(/missing\.js/);
  });
});
