/** Etcds that ask for client certificates, reach clients by unix sockets, or are started by a script: what a run knows of them. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundledEtcd } from '../support/cluster.ts';
import { securedRuns } from '../support/secured-run.ts';

// By its path the bundled etcd is one like any other: it has no admin socket, and is asked.
describe('a run of etcds that ask for client certificates', () => {
  const secured = securedRuns();

  it('shows them their own certificate, and knows all of them', async () => {
    const run = await secured.start({ etcd: bundledEtcd });
    await run.expectKnown();
    await run.expectWaits();
    await run.expectLeadershipMoves();
  });

  it('shows the bundled etcds, which push, a certificate for their health', async () => {
    const run = await secured.start({ etcd: 'etcd' });
    await run.expectKnown();
  });

  it('shows the certificate of clusterctl.yaml, and checks theirs by its authority', async () => {
    const run = await secured.start({ etcd: bundledEtcd, clients: 'settings' });
    await run.expectKnown();
    await run.expectWaits();
  });

  it('shows the certificate that etcdctl would', async () => {
    const run = await secured.start({ etcd: bundledEtcd, clients: 'environment' });
    await run.expectKnown();
  });

  it('says why it knows one by its log alone that refuses its certificate, and uses another after a reload', async () => {
    const run = await secured.start({ etcd: bundledEtcd, clients: 'strangers' });
    await run.expectKnownByLog(/may not take|refuses/);
    rmSync(join(secured.folder, 'clusterctl.yaml'));
    expect(await run.command('run', 'reload')).toEqual({ code: 0, out: '', err: '' });
    await run.expectKnown();
    expect(run.run.stderr).toContain('etcd1 is adjusted, etcd2 is adjusted, etcd3 is adjusted');
  });

  it('asks members with certificates of their own making', async () => {
    const run = await secured.start({ etcd: bundledEtcd, flags: '--auto-tls' });
    await run.expectKnown();
  });

  it('asks members at unix sockets', async () => {
    const run = await secured.start({ etcd: bundledEtcd, sockets: true });
    await run.expectKnown();
    await run.expectWaits();
  });

  it('asks what a script starts, if told where', async () => {
    const script = join(secured.folder, 'db.sh');
    writeFileSync(script, `#!/bin/sh\nexec ${bundledEtcd} "$@"\n`);
    chmodSync(script, 0o755);
    const run = await secured.start({ etcd: script, clients: 'settings' });
    await run.expectKnown();
  });
});
