import { describe, expect, it } from 'vitest';
import type { MemberStatus } from '../../../src/base/member-status.ts';
import {
  ended,
  lagSamplesMax,
  restarted,
  unknownMember,
  withAdmin,
  withClaim,
  withLag,
  withMetrics,
  withPolled,
} from '../../../src/supervisor/observe/member-facts.ts';
import { readMetrics } from '../../../src/supervisor/observe/metrics-text.ts';
import { adminStatus } from './admin-status.ts';

const url = 'http://127.0.0.1:2379';

const polled: MemberStatus = {
  memberId: 'a1',
  clusterId: 'c1',
  version: '3.4.23',
  term: 2,
  leader: 'b2',
  isLearner: false,
  raftIndex: 10,
  appliedIndex: 9,
  dbBytes: 100,
  dbInUseBytes: 0,
};

describe('the facts of a member', () => {
  it('are what it pushes', () => {
    const { facts } = withAdmin(unknownMember(url), adminStatus());
    expect(facts).toMatchObject({
      role: 'leader',
      term: 2,
      raftIndex: 10,
      appliedIndex: 9,
      source: 'admin',
      updatedMs: 1_000,
    });
    expect(withAdmin(unknownMember(url), adminStatus({ role: 'follower', isLearner: true })).facts.role).toBe(
      'learner',
    );
  });

  it('count commits between statuses that are not too close', () => {
    const first = withAdmin(unknownMember(url), adminStatus());
    const near = withAdmin(first, adminStatus({ committed: 20, atMs: 1_010 }));
    expect(near.facts.commitsPerSecond).toBeNull();
    const far = withAdmin(near, adminStatus({ committed: 60, atMs: 1_500 }));
    expect(far.facts.commitsPerSecond).toBe(100);
    // A smaller index is of other data.
    const wiped = withAdmin(far, adminStatus({ committed: 4, atMs: 2_500 }));
    expect(withAdmin(wiped, adminStatus({ committed: 5, atMs: 3_500 })).facts.commitsPerSecond).toBe(1);
  });

  it('are what a poll answers; an old etcd does not tell how much is in use', () => {
    const { facts } = withPolled(unknownMember(url), polled, 'follower', 5);
    expect(facts).toMatchObject({
      version: '3.4.23',
      role: 'follower',
      leader: 'b2',
      dbInUseBytes: null,
      source: 'poll',
    });
  });

  it('follow the lines of its log', () => {
    const claim = { process: 'etcd1', member: 'a1', cluster: 'c1', atMs: 7 };
    const follower = withClaim(unknownMember(url), { ...claim, term: 3, role: 'follower', leader: null });
    expect(follower.facts).toMatchObject({ role: 'follower', term: 3, leader: '0', memberId: 'a1' });
    const led = withClaim(follower, { ...claim, term: 3, role: null, leader: 'b2' });
    expect(led.facts).toMatchObject({ role: 'follower', leader: 'b2' });
    const leads = withClaim(led, { ...claim, term: 4, role: 'leader', leader: null });
    expect(leads.facts).toMatchObject({ role: 'leader', term: 4, leader: 'a1' });
  });

  it('come from metrics where Status is refused', () => {
    const reading = readMetrics(
      'etcd_server_is_leader 0\netcd_server_version{server_version="3.5.23"} 1\netcd_server_proposals_committed_total 7\n',
    );
    expect(withMetrics(unknownMember(url), reading, true, 9).facts).toMatchObject({
      role: 'follower',
      version: '3.5.23',
      raftIndex: 7,
    });
    const known = withPolled(unknownMember(url), polled, 'follower', 5);
    expect(withMetrics(known, reading, false, 9).facts).toEqual(known.facts);
  });

  it('keep no more samples of the lag than are shown, and the same list while nothing changes', () => {
    let record = withPolled(unknownMember(url), polled, 'follower', 5);
    for (let sample = 0; sample < lagSamplesMax + 1; sample++) record = withLag(record, 10 + sample);
    expect(record.facts.lag).toHaveLength(lagSamplesMax);
    expect([record.facts.lag[0], record.facts.lag.at(-1)]).toEqual([1, lagSamplesMax]);
    for (let sample = 0; sample < lagSamplesMax; sample++) record = withLag(record, 10);
    expect(withLag(record, 10)).toBe(record);
  });

  it('of an ended one say what is on its disk, not what it does', () => {
    const over = ended(withAdmin(unknownMember(url), adminStatus()));
    expect(over.facts).toMatchObject({
      role: null,
      leader: null,
      raftIndex: 10,
      dbBytes: 20_480,
      memberId: 'a1',
      healthMs: null,
    });
    expect(restarted(over, 'http://127.0.0.1:1').facts).toMatchObject({
      raftIndex: 10,
      clientUrl: 'http://127.0.0.1:1',
    });
  });
});
