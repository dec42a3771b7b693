import { describe, expect, it } from 'vitest';
import { FakeMember } from '../../support/fake-member.ts';

const error = (message: string) => ({ ok: false, error: { message: `etcdserver: ${message}` } });

describe('a downgrade', () => {
  it('goes to the next lower minor version only', async () => {
    const member = new FakeMember();
    expect(await member.validateDowngrade('3.5')).toEqual({ ok: true, value: '3.6' });
    expect(await member.validateDowngrade('3.5.17')).toEqual({ ok: true, value: '3.6' });
    for (const version of ['3.6', '3.4', '3.7', '2.5'])
      expect(await member.validateDowngrade(version)).toMatchObject(error('invalid downgrade target version'));
    for (const version of ['', 'abc', '3'])
      expect(await member.enableDowngrade(version)).toMatchObject(error('wrong downgrade target version format'));
  });

  it('is under way until it is cancelled, and is the only one', async () => {
    const member = new FakeMember();
    expect(await member.enableDowngrade('3.5')).toEqual({ ok: true, value: '3.6' });
    expect(member.downgrade()).toEqual({ enabled: true, targetVersion: '3.5.0' });
    expect(await member.enableDowngrade('3.5')).toMatchObject(error('cluster has a downgrade job in progress'));
    expect(await member.validateDowngrade('3.5')).toMatchObject(error('cluster has a downgrade job in progress'));
    expect(await member.cancelDowngrade()).toEqual({ ok: true, value: '3.6' });
    expect(member.downgrade()).toEqual({ enabled: false, targetVersion: '' });
  });

  it('is cancelled without an error when there is none', async () => {
    expect(await new FakeMember().cancelDowngrade()).toEqual({ ok: true, value: '3.6' });
  });

  it('is refused in a cluster of 3.4, whose members do not know of it', async () => {
    const member = new FakeMember();
    member.setClusterVersion('3.4.0');
    expect(await member.enableDowngrade('3.3')).toMatchObject(error('invalid downgrade target version'));
    expect(member.proposed).toEqual([]);
  });

  it('needs a quorum', async () => {
    const member = new FakeMember();
    member.leader = 0n;
    expect(await member.enableDowngrade('3.5')).toMatchObject(error('request timed out'));
  });
});
