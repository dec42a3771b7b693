/** The moment an election is won. */
import { invariant } from '../base/assert.ts';
import { type Entry, entryType } from '../proto/raftpb.ts';
import { appendAsLeader } from './proposals.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend } from './replication.ts';
import { hex } from './types.ts';

const firstEntry: Entry = { type: entryType.normal, term: 0, index: 0, data: null };

/** Becomes leader with an empty entry: only by committing one of its own term does it learn what is committed (Raft §8). */
export function lead(raft: Raft): void {
  raft.becomeLeader();
  invariant(appendAsLeader(raft, [firstEntry]), 'an empty entry is never refused');
  raft.logger.info(`${hex(raft.id)} became leader at term ${raft.term}`);
  broadcastAppend(raft);
}
