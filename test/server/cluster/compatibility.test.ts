import { describe, expect, it } from 'vitest';
import {
  type AskMember,
  allowedVersions,
  isCompatible,
  othersAreQuorum,
} from '../../../src/server/cluster/compatibility.ts';
import type { Member } from '../../../src/server/cluster/member.ts';

const members: readonly Member[] = [1n, 2n].map((id) => ({
  id,
  name: `m${id}`,
  peerUrls: [`http://m${id}`],
  clientUrls: [],
  isLearner: false,
}));

/** Members that tell these cluster versions; null does not answer. */
async function joins(versions: readonly (string | null)[], downgrade = 'false', canAgree = true) {
  const warnings: string[] = [];
  const ask: AskMember = async (member, path) => {
    const version = versions[members.indexOf(member)] ?? null;
    if (version === null) return null;
    return path === '/version' ? JSON.stringify({ etcdserver: '3.9.9', etcdcluster: version }) : downgrade;
  };
  const fits = await isCompatible('3.6.5', members, canAgree, ask, (message) => warnings.push(message));
  return { fits, warnings };
}

describe('a member of 3.6', () => {
  it('joins clusters of its own version and below', async () => {
    expect(await joins(['3.6.0', '3.6.0'])).toEqual({ fits: true, warnings: [] });
    expect(await joins(['3.0.0', '3.0.0'])).toEqual({ fits: true, warnings: [] });
    expect(await joins([null, '3.4.0'])).toEqual({ fits: true, warnings: [] });
  });

  it('joins no cluster of a higher version, and none whose members do not tell theirs', async () => {
    expect(await joins(['3.6.0', '3.7.0'])).toEqual({
      fits: false,
      warnings: ['cluster version of remote member is not compatible; too high'],
    });
    expect((await joins([null, null])).fits).toBe(false);
    expect(await joins(['not_decided', null])).toEqual({
      fits: false,
      warnings: ['failed to parse cluster version of remote member'],
    });
  });

  it('does not ask about a downgrade where nobody can say: the only member of a cluster waits for the second', async () => {
    const member = (id: bigint, isLearner = false): Member => ({
      id,
      name: '',
      peerUrls: [],
      clientUrls: [],
      isLearner,
    });
    expect(othersAreQuorum([member(1n), member(2n)], 2n)).toBe(false);
    expect(othersAreQuorum([member(1n), member(2n, true)], 2n)).toBe(true);
    expect(othersAreQuorum([member(1n), member(2n), member(3n)], 3n)).toBe(true);
    expect((await joins(['3.6.0', '3.6.0'], 'true', false)).fits).toBe(true);
  });

  it('joins only a cluster of 3.7 that is being downgraded', async () => {
    expect(allowedVersions('3.6.5', true)).toEqual({ min: '3.7.0', max: '3.7.0' });
    expect((await joins(['3.7.0', '3.7.0'], 'true')).fits).toBe(true);
    expect(await joins(['3.6.0', '3.6.0'], 'true')).toEqual({
      fits: false,
      warnings: ['cluster version of remote member is not compatible; too low'],
    });
  });
});
