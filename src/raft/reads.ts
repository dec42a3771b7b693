/** How read requests are answered: by the leader, once it is sure that it still leads. */
import { type Message, messageType } from '../proto/raftpb.ts';
import { pendingReadsMax } from './config.ts';
import { jointVote } from './quorum/joint.ts';
import type { Raft } from './raft.ts';
import { contextOf } from './read-index.ts';
import { sendHeartbeats } from './replication.ts';
import { none } from './types.ts';

/** A leader takes a read request, its own or a follower's. */
export function readAsLeader(raft: Raft, request: Message): void {
  if (raft.tracker.isSingleton) {
    answer(raft, request, raft.log.committed);
  } else if (raft.committedInTerm()) {
    confirm(raft, request);
  } else if (raft.postponedReads.length < pendingReadsMax) {
    raft.postponedReads.push(request);
  }
}

/** The leader committed in its term: it can serve the requests that came before. */
export function releasePostponedReads(raft: Raft): void {
  if (raft.postponedReads.length === 0) return;
  if (!raft.committedInTerm()) {
    raft.logger.error('pending MsgReadIndex should be released only after first commit in current term');
    return;
  }
  const requests = raft.postponedReads;
  raft.postponedReads = [];
  for (const request of requests) confirm(raft, request);
}

/** A node answered a heartbeat that carried `context`; with a quorum of such answers the waiting reads are confirmed. */
export function acknowledgeRead(raft: Raft, from: bigint, context: Uint8Array | null): void {
  if (raft.config.readOnlyOption !== 'safe' || context === null || context.length === 0) return;
  const acks = raft.reads.acknowledge(from, context);
  if (jointVote(raft.tracker.configuration.voters, acks) !== 'won') return;
  for (const read of raft.reads.takeThrough(context)) answer(raft, read.request, read.index);
}

function confirm(raft: Raft, request: Message): void {
  if (raft.config.readOnlyOption === 'leaseBased') {
    answer(raft, request, raft.log.committed);
    return;
  }
  if (!raft.reads.add(request, raft.log.committed)) return;
  const context = contextOf(request);
  raft.reads.acknowledge(raft.id, context);
  sendHeartbeats(raft, context);
}

function answer(raft: Raft, request: Message, index: number): void {
  if (request.from === none || request.from === raft.id)
    raft.readStates.push({ index, requestContext: contextOf(request) });
  else raft.send(messageType.readIndexResp, request.from, { index, entries: request.entries });
}
