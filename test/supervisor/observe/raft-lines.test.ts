import { describe, expect, it } from 'vitest';
import { identityLine, raftLines } from '../../../src/supervisor/observe/raft-lines.ts';

/** As etcd 3.6.5 wrote them. */
const lines36 = [
  '{"level":"info","ts":"2026-11-22T11:45:41.457305Z","caller":"etcdserver/bootstrap.go:499","msg":"starting local member","local-member-id":"4b8bda9770f65da0","cluster-id":"bb38a82238674339"}',
  '{"level":"info","ts":"2026-11-22T11:45:41.457543Z","logger":"raft","caller":"v3@v3.6.0/raft.go:897","msg":"4b8bda9770f65da0 became follower at term 1"}',
  '{"level":"info","ts":"2026-11-22T11:45:42.458419Z","logger":"raft","caller":"v3@v3.6.0/raft.go:988","msg":"4b8bda9770f65da0 is starting a new election at term 1"}',
  '{"level":"info","ts":"2026-11-22T11:45:42.458944Z","logger":"raft","caller":"v3@v3.6.0/raft.go:930","msg":"4b8bda9770f65da0 became pre-candidate at term 1"}',
  '{"level":"info","ts":"2026-11-22T11:45:42.460103Z","logger":"raft","caller":"v3@v3.6.0/raft.go:970","msg":"4b8bda9770f65da0 became leader at term 2"}',
  '{"level":"info","ts":"2026-11-22T11:45:42.460332Z","logger":"raft","caller":"v3@v3.6.0/node.go:370","msg":"raft.node: 4b8bda9770f65da0 elected leader 4b8bda9770f65da0 at term 2"}',
];

/** As Debian's etcd 3.4.23 wrote them. */
const lines34 = [
  '2026-11-22 11:54:02.507280 I | etcdserver: restarting member 7a2090dece8933d9 in cluster 2942d3655bdb573b at commit index 4',
  'raft2026/11/22 11:45:42 INFO: 7a2090dece8933d9 became candidate at term 2',
  'raft2026/11/22 11:45:42 INFO: 7a2090dece8933d9 received MsgVoteResp from 7a2090dece8933d9 at term 2',
  'raft2026/11/22 11:45:42 INFO: raft.node: 7a2090dece8933d9 lost leader 1 at term 3',
  'raft2026/11/22 11:45:42 INFO: raft.node: 7a2090dece8933d9 changed leader from 1 to 2 at term 4',
];

function block(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

describe('raftLines', () => {
  it('finds who a member of etcd 3.6 is, its roles and its leader', () => {
    const lines = block('before', ...lines36, 'after');
    const found = raftLines(lines);
    const member = '4b8bda9770f65da0';
    expect(identityLine(lines)).toEqual({ member, cluster: 'bb38a82238674339' });
    expect(found.map(({ ts, ...rest }) => rest)).toEqual([
      { type: 'role', member, role: 'follower', term: 1 },
      { type: 'role', member, role: 'pre-candidate', term: 1 },
      { type: 'role', member, role: 'leader', term: 2 },
      { type: 'leader', member, leader: member, term: 2 },
    ]);
    expect(found[0]?.ts).toBe(Date.parse('2026-11-22T11:45:41.457Z'));
  });

  it('reads the lines of etcd 3.4, which are no JSON', () => {
    const member = '7a2090dece8933d9';
    expect(identityLine(block(...lines34))).toEqual({ member, cluster: '2942d3655bdb573b' });
    expect(raftLines(block(...lines34))).toEqual([
      { type: 'role', member, role: 'candidate', term: 2, ts: null },
      { type: 'leader', member, leader: '0', term: 3, ts: null },
      { type: 'leader', member, leader: '2', term: 4, ts: null },
    ]);
  });

  it('takes no other line for one of Raft', () => {
    for (const find of [raftLines, (lines: Buffer) => [identityLine(lines)].filter((found) => found !== null)]) {
      const found = find(
        block(
          '1 became leader at term 2',
          '{"level":"info","msg":"1 became king at term 2"}',
          '{"level":"info","msg":"x 1 became leader at term 2"}',
          '{"level":"info","msg":"1 became leader at term 2","cut',
          `{"level":"info","msg":"1 became leader at term 2","long":"${'x'.repeat(2_000)}"}`,
          'raft.node: ',
          'raft2026/11/22 11:45:42 INFO: raft.node: 1 found leader 2 at term 3',
          'starting member 1 in cluster 2',
          '{"level":"info","msg":"starting local member","local-member-id":7}',
        ),
      );
      expect(found).toEqual([]);
    }
  });

  it('costs little where there is nothing to find', () => {
    const bytes = Buffer.from(
      'web: GET /index.html 200 in 12 ms, to a client at 127.0.0.1:51234, agent of term x\n'.repeat(12_000),
    );
    raftLines(bytes);
    const startMs = performance.now();
    raftLines(bytes);
    expect(performance.now() - startMs).toBeLessThan(100); // of 1 MB; about 2 ms on an idle machine
  });
});
