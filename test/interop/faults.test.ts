/** Faults on real etcd: through the fabric where the supervisor has generated the cluster, and what is said where it has not. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { askSupervisor } from '../../src/supervisor/control-client.ts';
import type { ProcessFacts } from '../../src/supervisor/observe/model.ts';
import { FaultRun } from '../support/fault-run.ts';

const realEtcd = process.env['REAL_ETCD_DIR'];

describe.skipIf(realEtcd === undefined)('clusterctl fault with real etcd (needs REAL_ETCD_DIR)', () => {
  const etcd = realEtcd ?? '';
  let run: FaultRun | null = null;
  afterEach(async () => {
    await run?.close();
    run = null;
  });

  async function processes(of: FaultRun): Promise<readonly ProcessFacts[]> {
    const reply = await askSupervisor(of.socket ?? '', { command: 'observation' });
    return reply?.ok === true ? (reply.observation?.processes ?? []) : [];
  }

  async function leaderAmong(of: FaultRun, names: readonly string[]): Promise<string | null> {
    const leading = (await processes(of)).filter(
      ({ name, member }) => names.includes(name) && member?.role === 'leader',
    );
    return leading.sort((a, b) => (b.member?.term ?? 0) - (a.member?.term ?? 0))[0]?.name ?? null;
  }

  it('cuts the leader of a generated cluster off: the majority elects another, and all agree after the heal', async () => {
    run = await FaultRun.start({ members: 3, etcd, generated: true });
    const of = run;
    const fault = await of.inject('partition', '--isolate', 'leader');
    const others = of.names.filter((name) => !fault.targets.includes(name));
    await of.until('the majority has a leader', async () => (await leaderAmong(of, others)) !== null);
    await of.do('heal', '--all');
    await of.until('all follow one leader', async () => {
      const members = (await processes(of)).map(({ member }) => member);
      return new Set(members.map((member) => member?.leader)).size === 1 && members[0]?.leader !== '0';
    });
    const heir = others[0] === (await leaderAmong(of, of.names)) ? others[1] : others[0];
    expect((await of.inject('move-leader', heir ?? '')).targets[1]).toBe(heir);
    expect(await of.refusal('disk', 'leader', '--slow', '1s')).toMatch(/is not a bundled member/);
    expect(await of.refusal('loss', '5%', '--messages', 'MsgApp')).toMatch(/only bundled members/);
  });

  it('cuts a real member off from two bundled ones, which do it, and hands leadership to it and back', async () => {
    run = await FaultRun.start({ members: 3, programs: ['etcd', 'etcd', join(etcd, 'etcd')] });
    const of = run;
    if ((await leaderAmong(of, of.names)) !== 'etcd3') await of.inject('move-leader', 'etcd3');
    const fault = await of.inject('partition', '--isolate', 'etcd3');
    expect(fault.links).toHaveLength(4);
    await of.until('a bundled member leads', async () => (await of.leader()) !== null);
    await of.do('heal', '--all');
    await of.until('all follow one leader', async () => {
      const members = (await processes(of)).map(({ member }) => member);
      return new Set(members.map((member) => member?.leader)).size === 1 && members[0]?.leader !== '0';
    });
    await of.inject('delay', '20ms', '--member', 'etcd3');
    await of.do('heal', '--all');
  });

  it('says what to do where a Procfile names the addresses, and does what needs no links', async () => {
    run = await FaultRun.start({ members: 3, etcd });
    expect(await run.refusal('partition', '--isolate', 'etcd1')).toBe(
      'the command line of etcd1 says where its peers are, so nothing can stand between them: let the cluster be generated from an entry without addresses, with -m etcd=3 --etcd system',
    );
    const paused = await run.inject('pause', 'leader');
    const killed = await run.inject('kill', 'follower');
    expect(paused.targets).not.toEqual(killed.targets);
    await run.do('heal', '--all');
  });
});
