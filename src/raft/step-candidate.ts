/** What a candidate or pre-candidate does with a message of its own term. */
import type { Result } from '../base/result.ts';
import { type Message, messageType } from '../proto/raftpb.ts';
import { campaign, countVote } from './elections.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './follower-log.ts';
import { lead } from './lead.ts';
import type { Raft } from './raft.ts';
import { accepted, hex, none, proposalDropped, type RaftError } from './types.ts';

export function stepCandidate(raft: Raft, message: Message): Result<void, RaftError> {
  switch (message.type) {
    case messageType.prop:
      raft.logger.info(`${hex(raft.id)} no leader at term ${raft.term}; dropping proposal`);
      return { ok: false, error: proposalDropped };
    case messageType.app:
      raft.becomeFollower(message.term, message.from);
      handleAppend(raft, message);
      break;
    case messageType.heartbeat:
      raft.becomeFollower(message.term, message.from);
      handleHeartbeat(raft, message);
      break;
    case messageType.snap:
      raft.becomeFollower(message.term, message.from);
      handleSnapshot(raft, message);
      break;
    case messageType.preVoteResp:
      if (raft.state === 'StatePreCandidate') handleVote(raft, message);
      break;
    case messageType.voteResp:
      if (raft.state === 'StateCandidate') handleVote(raft, message);
      break;
    case messageType.timeoutNow:
      if (raft.logger.debugEnabled)
        raft.logger.debug(
          `${hex(raft.id)} [term ${raft.term} state ${raft.state}] ignored MsgTimeoutNow from ${hex(message.from)}`,
        );
      break;
    default:
      break;
  }
  return accepted;
}

function handleVote(raft: Raft, response: Message): void {
  const { result } = countVote(raft, response);
  if (result === 'lost') raft.becomeFollower(raft.term, none);
  else if (result === 'won' && raft.state === 'StatePreCandidate') campaign(raft, 'election');
  else if (result === 'won') lead(raft);
}
