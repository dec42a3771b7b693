import { describe, expect, it } from 'vitest';
import { newPutRequest } from '../../../src/proto/etcdserverpb-kv.ts';
import { encodePutRequest } from '../../../src/proto/etcdserverpb-kv-requests.ts';
import { internalField } from '../../../src/proto/raft-internal.ts';
import { CompactionRunner } from '../../../src/server/member/compaction-runner.ts';
import { AppliedState, request } from '../../support/applied-state.ts';
import { notedMaintenance } from '../../support/maintenance-metrics.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryBackend } from '../../support/memory-backend.ts';
import { silentLogger } from '../../support/silent-logger.ts';

/** Thirty revisions of one key; compactions look at five records a batch. */
async function filled() {
  const backend = new MemoryBackend();
  const member = await AppliedState.over(backend);
  for (let i = 0; i < 30; i++) {
    const put = newPutRequest({ key: Buffer.from('k'), value: Buffer.from(`${i}`) });
    member.apply(request(internalField.put, encodePutRequest(put)));
  }
  backend.commitNow();
  return { state: member.state, backend };
}

function runnerOf(state: AppliedState['state'], clock: ManualClock, lines: string[] = [], notes: string[] = []) {
  return new CompactionRunner(state, 0, {
    clock,
    logger: { ...silentLogger, info: (message) => lines.push(message) },
    metrics: { maintenance: notedMaintenance(notes) },
    schedule: (callback) => clock.after(0, callback),
    failed: (error) => {
      throw error;
    },
  });
}

describe('compactions in the background', () => {
  it('are measured: each part of one, the whole, and when the last one ended', async () => {
    const { state, backend } = await filled();
    const clock = new ManualClock();
    const notes: string[] = [];
    const runner = runnerOf(state, clock, [], notes);
    expect(state.store.compact(28).ok).toBe(true);
    const finished = runner.finish(28);
    await clock.advance(20);
    backend.commitNow();
    await clock.advance(1000);
    await finished;
    expect(notes.filter((note) => note.startsWith('compactionPauseMs 0')).length).toBeGreaterThan(4);
    expect(notes.slice(-2)).toEqual(['compactionMs 50', 'compacted 50']);
  });

  it('rest ten milliseconds after each batch, and what they delete is committed without an entry', async () => {
    const { state, backend } = await filled();
    const clock = new ManualClock();
    const runner = runnerOf(state, clock);
    expect(state.store.compact(28).ok).toBe(true);
    const finished = runner.finish(28).then(() => clock.now());
    expect(state.store.finishedCompactRevision).toBe(-1);
    await clock.advance(20);
    backend.commitNow();
    expect(backend.dump('key').length).toBeGreaterThan(10);
    await clock.advance(1000);
    expect(await finished).toBe(50);
    backend.commitNow();
    expect(backend.dump('key')).toHaveLength(4);
    expect(backend.committedIndex).toBe(30);
  });

  it('are taken up again by the next run of the member', async () => {
    const { state, backend } = await filled();
    expect(state.store.compact(28).ok).toBe(true);
    state.store.compactionStep();
    state.markAgain();
    backend.commitNow();
    const reopened = backend.reopen();
    const clock = new ManualClock();
    const next = await AppliedState.over(reopened);
    const lines: string[] = [];
    runnerOf(next.state, clock, lines).resume();
    await clock.advance(1000);
    expect(lines).toEqual([
      'resume scheduled compaction',
      'finished scheduled compaction',
      'previous compaction was interrupted, skip storing compaction hash value',
    ]);
    reopened.commitNow();
    expect(next.state.store.finishedCompactRevision).toBe(28);
    expect(reopened.dump('key')).toHaveLength(4);
  });

  it('let nobody wait for a member that stops', async () => {
    const { state } = await filled();
    const runner = runnerOf(state, new ManualClock());
    state.store.compact(28);
    const finished = runner.finish(28);
    runner.stop();
    await finished;
    expect(state.store.finishedCompactRevision).toBe(-1);
  });
});
