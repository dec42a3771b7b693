/** What a follower does with a message of its own term. */
import type { Result } from '../base/result.ts';
import { type Message, messageType } from '../proto/raftpb.ts';
import { startCampaign } from './elections.ts';
import { handleAppend, handleHeartbeat, handleSnapshot } from './follower-log.ts';
import type { Raft } from './raft.ts';
import { contextOf } from './read-index.ts';
import { accepted, hex, none, proposalDropped, type RaftError } from './types.ts';

export function stepFollower(raft: Raft, message: Message): Result<void, RaftError> {
  switch (message.type) {
    case messageType.prop:
      return forwardProposal(raft, message);
    case messageType.app:
      followSender(raft, message);
      handleAppend(raft, message);
      break;
    case messageType.heartbeat:
      followSender(raft, message);
      handleHeartbeat(raft, message);
      break;
    case messageType.snap:
      followSender(raft, message);
      handleSnapshot(raft, message);
      break;
    case messageType.timeoutNow:
      raft.logger.info(
        `${hex(raft.id)} [term ${raft.term}] received MsgTimeoutNow from ${hex(message.from)} and starts an election to get leadership.`,
      );
      // Without pre-votes: the leader itself asked for it, so nobody is disturbed.
      startCampaign(raft, 'transfer');
      break;
    case messageType.transferLeader:
      forwardOrDrop(raft, message, 'leader transfer');
      break;
    case messageType.readIndex:
      forwardOrDrop(raft, message, 'index reading');
      break;
    case messageType.readIndexResp:
      takeReadState(raft, message);
      break;
    case messageType.forgetLeader:
      forgetLeader(raft);
      break;
    default:
      break; // Answers to questions of an earlier role.
  }
  return accepted;
}

function followSender(raft: Raft, message: Message): void {
  raft.electionElapsed = 0;
  raft.lead = message.from;
}

function forwardProposal(raft: Raft, message: Message): Result<void, RaftError> {
  const self = hex(raft.id);
  if (raft.lead === none) {
    raft.logger.info(`${self} no leader at term ${raft.term}; dropping proposal`);
    return { ok: false, error: proposalDropped };
  }
  if (raft.config.disableProposalForwarding) {
    raft.logger.info(`${self} not forwarding to leader ${hex(raft.lead)} at term ${raft.term}; dropping proposal`);
    return { ok: false, error: proposalDropped };
  }
  raft.forwardToLeader(message);
  return accepted;
}

function forwardOrDrop(raft: Raft, message: Message, what: 'leader transfer' | 'index reading'): void {
  if (raft.lead === none) raft.logger.info(`${hex(raft.id)} no leader at term ${raft.term}; dropping ${what} msg`);
  else raft.forwardToLeader(message);
}

function takeReadState(raft: Raft, message: Message): void {
  if (message.entries.length !== 1) {
    raft.logger.error(
      `${hex(raft.id)} invalid format of MsgReadIndexResp from ${hex(message.from)}, entries count: ${message.entries.length}`,
    );
    return;
  }
  raft.readStates.push({ index: message.index, requestContext: contextOf(message) });
}

function forgetLeader(raft: Raft): void {
  if (raft.config.readOnlyOption === 'leaseBased') {
    raft.logger.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
    return;
  }
  if (raft.lead === none) return;
  raft.logger.info(`${hex(raft.id)} forgetting leader ${hex(raft.lead)} at term ${raft.term}`);
  raft.forgetLeader();
}
