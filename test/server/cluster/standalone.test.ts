import { describe, expect, it } from 'vitest';
import { Reader } from '../../../src/proto/codec.ts';
import { decodeConfChange, type Entry, emptyConfState, entryType } from '../../../src/proto/raftpb.ts';
import { newCluster } from '../../../src/server/cluster/bootstrap.ts';
import { standaloneLog } from '../../../src/server/cluster/standalone.ts';

const members = [1n, 2n, 3n].map((id) => ({
  id,
  name: `m${id}`,
  peerUrls: [`http://m${id}:2380`],
  clientUrls: [],
  isLearner: false,
}));

function put(index: number): Entry {
  return { type: entryType.normal, term: 2, index, data: Buffer.from('x') };
}

function changes(entries: readonly Entry[]): unknown[] {
  return entries.map(({ index, term, data }) => {
    const { type, nodeId } = decodeConfChange(new Reader(data ?? Buffer.alloc(0)));
    return [index, term, type, nodeId];
  });
}

describe('a member that goes on alone', () => {
  it('removes the others after what was committed, and gives up the rest', () => {
    const { entries } = newCluster(2n, members);
    const log = standaloneLog(2n, 0, null, [...entries, put(4), put(5), put(6)], { term: 2, vote: 2n, commit: 4 });
    expect(log.discarded).toBe(2);
    expect(changes(log.added)).toEqual([
      [5, 2, 1, 1n],
      [6, 2, 1, 3n],
    ]);
    expect(log.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(log.hardState).toEqual({ term: 2, vote: 2n, commit: 6 });
  });

  it('knows from a snapshot who took part, and adds itself if nobody did', () => {
    const confState = { ...emptyConfState, voters: [1n, 3n], learners: [4n] };
    const log = standaloneLog(2n, 10, confState, [put(11)], { term: 5, vote: 0n, commit: 11 });
    expect(changes(log.added)).toEqual([
      [12, 5, 1, 1n],
      [13, 5, 1, 3n],
      [14, 5, 1, 4n],
      [15, 5, 0, 2n],
    ]);
  });

  it('changes nothing where it is alone already', () => {
    const log = standaloneLog(2n, 10, { ...emptyConfState, voters: [2n] }, [], { term: 5, vote: 2n, commit: 10 });
    expect(log).toMatchObject({ entries: [], added: [], discarded: 0, hardState: { commit: 10 } });
  });
});
