/** Real etcds that ask for client certificates or listen at unix sockets: what a run knows of them, and what it says if it has no right one. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { debianEtcd, realProgram } from '../support/real-etcd.ts';
import { SecuredRun } from '../support/secured-run.ts';

let folder: string;
let run: SecuredRun | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-secured-'));
});
afterEach(async () => {
  await run?.close();
  run = null;
  rmSync(folder, { recursive: true, force: true });
});

const real = realProgram('etcd');

describe.skipIf(real === null)('a run of etcd 3.6 that asks for client certificates (needs REAL_ETCD_DIR)', () => {
  const etcd = real ?? '';

  it("shows the members' own certificate, and knows all of them", async () => {
    run = await SecuredRun.start(folder, { etcd });
    await run.expectKnown();
    await run.expectWaits();
    await run.expectLeadershipMoves();
  });

  it('shows the certificate of clusterctl.yaml, and checks theirs by its authority', async () => {
    run = await SecuredRun.start(folder, { etcd, clients: 'settings' });
    await run.expectKnown();
  });

  it('says why it knows one by its log alone that refuses its certificate', async () => {
    run = await SecuredRun.start(folder, { etcd, clients: 'strangers' });
    await run.expectKnownByLog(/refuses the client certificate|may not take the client certificate/);
  });

  it('asks members with certificates of their own making', async () => {
    run = await SecuredRun.start(folder, { etcd, flags: '--auto-tls' });
    await run.expectKnown();
  });

  it('asks members at unix sockets', async () => {
    run = await SecuredRun.start(folder, { etcd, sockets: true });
    await run.expectKnown();
    await run.expectWaits();
  });
});

describe.each([
  { name: 'etcd 3.5', etcd: realProgram('etcd-last-release') },
  { name: "Debian's etcd 3.4", etcd: real === null ? null : debianEtcd() },
])('a run of $name that asks for client certificates', ({ etcd }) => {
  it.skipIf(etcd === null)("shows the members' own certificate, and knows all of them", async () => {
    const named = join(folder, 'etcd'); // of another name it would have to be said that it is one
    symlinkSync(etcd ?? '', named);
    run = await SecuredRun.start(folder, { etcd: named });
    await run.expectKnown();
    await run.expectWaits();
  });
});
