/** Real etcds that ask for client certificates or listen at unix sockets: what a run knows of them, and what it says if it has no right one. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { debianEtcd, realProgram } from '../support/real-etcd.ts';
import { securedRuns } from '../support/secured-run.ts';

const secured = securedRuns();

const real = realProgram('etcd');

describe.skipIf(real === null)('a run of etcd 3.6 that asks for client certificates (needs REAL_ETCD_DIR)', () => {
  const etcd = real ?? '';

  it("shows the members' own certificate, and knows all of them", async () => {
    const run = await secured.start({ etcd });
    await run.expectKnown();
    await run.expectWaits();
    await run.expectLeadershipMoves();
  });

  it('shows the certificate of clusterctl.yaml, and checks theirs by its authority', async () => {
    const run = await secured.start({ etcd, clients: 'settings' });
    await run.expectKnown();
  });

  it('says why it knows one by its log alone that refuses its certificate', async () => {
    const run = await secured.start({ etcd, clients: 'strangers' });
    await run.expectKnownByLog(/refuses the client certificate|may not take the client certificate/);
  });

  it('asks members with certificates of their own making', async () => {
    const run = await secured.start({ etcd, flags: '--auto-tls' });
    await run.expectKnown();
  });

  it('asks members at unix sockets', async () => {
    const run = await secured.start({ etcd, sockets: true });
    await run.expectKnown();
    await run.expectWaits();
  });
});

describe.each([
  { name: 'etcd 3.5', etcd: realProgram('etcd-last-release') },
  { name: "Debian's etcd 3.4", etcd: real === null ? null : debianEtcd() },
])('a run of $name that asks for client certificates', ({ etcd }) => {
  it.skipIf(etcd === null)("shows the members' own certificate, and knows all of them", async () => {
    const named = join(secured.folder, 'etcd'); // of another name it would have to be said that it is one
    symlinkSync(etcd ?? '', named);
    const run = await secured.start({ etcd: named });
    await run.expectKnown();
    await run.expectWaits();
  });
});
