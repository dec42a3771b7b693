/** The way in for every message: its term decides first, then this node's role. */
import type { Result } from '../base/result.ts';
import { type Message, messageType } from '../proto/raftpb.ts';
import { messageTypeName } from './describe.ts';
import { answerVoteRequest, leaseProtects, refuseVote } from './elections.ts';
import { handleAppendStored, handleApplied, handleStaleAppendStored } from './local-responses.ts';
import type { Raft } from './raft.ts';
import { stepCandidate } from './step-candidate.ts';
import { stepFollower } from './step-follower.ts';
import { stepLeader } from './step-leader.ts';
import { accepted, hex, none, type RaftError } from './types.ts';

/** Takes a message that the caller has checked to be well-formed. Term 0 marks messages outside of terms. */
export function step(raft: Raft, message: Message): Result<void, RaftError> {
  if (message.term > raft.term) {
    if (isVoteRequest(message) && leaseProtects(raft, message)) return accepted;
    adoptTerm(raft, message);
  } else if (message.term < raft.term && message.term !== 0) {
    stepFromLowerTerm(raft, message);
    return accepted;
  }
  switch (message.type) {
    case messageType.vote:
    case messageType.preVote:
      answerVoteRequest(raft, message);
      return accepted;
    case messageType.storageAppendResp:
      handleAppendStored(raft, message);
      return accepted;
    case messageType.storageApplyResp:
      handleApplied(raft, message.entries);
      return accepted;
    default:
      return stepByRole(raft, message);
  }
}

function stepByRole(raft: Raft, message: Message): Result<void, RaftError> {
  switch (raft.state) {
    case 'StateLeader':
      return stepLeader(raft, message);
    case 'StateFollower':
      return stepFollower(raft, message);
    case 'StateCandidate':
    case 'StatePreCandidate':
      return stepCandidate(raft, message);
  }
}

function isVoteRequest({ type }: Message): boolean {
  return type === messageType.vote || type === messageType.preVote;
}

/** Follows into a higher term, except for pre-votes: a request starts no term, and a grant carries one that may never be. */
function adoptTerm(raft: Raft, message: Message): void {
  const { type, from, term } = message;
  if (type === messageType.preVote || (type === messageType.preVoteResp && !message.reject)) return;
  raft.logger.info(
    `${hex(raft.id)} [term: ${raft.term}] received a ${messageTypeName(type)} message with higher term from ${hex(from)} [term: ${term}]`,
  );
  const fromLeader = type === messageType.app || type === messageType.heartbeat || type === messageType.snap;
  raft.becomeFollower(term, fromLeader ? from : none);
}

/** Mostly silence. But some senders are stuck unless they learn that the term moved on. */
function stepFromLowerTerm(raft: Raft, message: Message): void {
  const { type, from, term } = message;
  const { checkQuorum, preVote } = raft.config;
  if ((checkQuorum || preVote) && (type === messageType.heartbeat || type === messageType.app)) {
    // This node went ahead of its leader while it was cut off, and vote requests of a higher term may be ignored because of
    // leases: this answer deposes the leader, so that an election can bring this node back.
    raft.send(messageType.appResp, from);
  } else if (type === messageType.preVote) {
    // A node with the higher term and the shorter log would otherwise block those who could win.
    refuseVote(raft, message);
  } else if (type === messageType.storageAppendResp) {
    handleStaleAppendStored(raft, message);
  } else {
    raft.logger.info(
      `${hex(raft.id)} [term: ${raft.term}] ignored a ${messageTypeName(type)} message with lower term from ${hex(from)} [term: ${term}]`,
    );
  }
}
