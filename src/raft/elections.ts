/** How nodes campaign, and how they vote. */
import { entryType, type Message, type MessageType, messageType } from '../proto/raftpb.ts';
import { messageTypeName } from './describe.ts';
import { allVoters } from './quorum/joint.ts';
import type { Raft } from './raft.ts';
import type { Tally } from './tracker/progress-tracker.ts';
import { hex, none } from './types.ts';

/** preElection: ask first. election: start a term. transfer: start a term on the leader's behalf, leases or not. */
export type CampaignType = 'preElection' | 'election' | 'transfer';

/** In the context of vote requests that come from a leader's wish to hand over. */
const transferContext = Buffer.from('CampaignTransfer');

/** Campaigns as the configuration says: with a round of pre-votes, or at once. */
export function startElection(raft: Raft): void {
  startCampaign(raft, raft.config.preVote ? 'preElection' : 'election');
}

/** Campaigns if this node is in a position to. */
export function startCampaign(raft: Raft, type: CampaignType): void {
  const { logger, log } = raft;
  const self = hex(raft.id);
  if (raft.state === 'StateLeader') {
    if (logger.debugEnabled) logger.debug(`${self} ignoring MsgHup because already leader`);
    return;
  }
  if (!raft.promotable()) {
    logger.warning(`${self} is unpromotable and can not campaign`);
    return;
  }
  // It would count votes by an outdated configuration.
  if (log.someUnapplied((entry) => entry.type !== entryType.normal)) {
    logger.warning(
      `${self} cannot campaign at term ${raft.term} since there are still pending configuration changes to apply`,
    );
    return;
  }
  logger.info(`${self} is starting a new election at term ${raft.term}`);
  campaign(raft, type);
}

/** Asks all voters for their votes. The own one counts once it is on disk, as everyone's does. */
export function campaign(raft: Raft, type: CampaignType): void {
  const pre = type === 'preElection';
  if (pre) raft.becomePreCandidate();
  else raft.becomeCandidate();
  const request = pre ? messageType.preVote : messageType.vote;
  const term = pre ? raft.term + 1 : raft.term;
  const last = raft.log.lastId();
  const context = type === 'transfer' ? transferContext : null;
  for (const id of allVoters(raft.tracker.configuration.voters)) {
    if (id === raft.id) {
      raft.send(responseTo(request), id, { term });
      continue;
    }
    raft.logger.info(
      `${hex(raft.id)} [logterm: ${last.term}, index: ${last.index}] sent ${messageTypeName(request)} request to ${hex(id)} at term ${raft.term}`,
    );
    raft.send(request, id, { term, index: last.index, logTerm: last.term, context });
  }
}

/** Counts one more vote of the current campaign. */
export function countVote(raft: Raft, response: Message): Tally {
  const self = hex(raft.id);
  const type = messageTypeName(response.type);
  const rejection = response.reject ? ' rejection' : '';
  raft.logger.info(`${self} received ${type}${rejection} from ${hex(response.from)} at term ${raft.term}`);
  raft.tracker.recordVote(response.from, !response.reject);
  const tally = raft.tracker.tally();
  raft.logger.info(`${self} has received ${tally.granted} ${type} votes and ${tally.rejected} vote rejections`);
  return tally;
}

/** True if a vote request must be ignored because this node has heard from a leader lately (thesis 4.2.3). */
export function leaseProtects(raft: Raft, request: Message): boolean {
  if (request.context !== null && transferContext.equals(request.context)) return false;
  const ticksLeft = raft.config.electionTick - raft.electionElapsed;
  if (!raft.config.checkQuorum || raft.lead === none || ticksLeft <= 0) return false;
  raft.logger.info(
    `${describeVoter(raft)} ignored ${describeRequest(request)} at term ${raft.term}: ` +
      `lease is not expired (remaining ticks: ${ticksLeft})`,
  );
  return true;
}

/**
 * Grants or refuses a (pre-)vote. Learners vote too: one that was promoted without knowing it yet may be needed to elect the
 * leader that will tell it.
 */
export function answerVoteRequest(raft: Raft, request: Message): void {
  const { from } = request;
  const freeToVote =
    raft.vote === from ||
    (raft.vote === none && raft.lead === none) ||
    (request.type === messageType.preVote && request.term > raft.term);
  if (!freeToVote || !raft.log.isUpToDate({ term: request.logTerm, index: request.index })) {
    refuseVote(raft, request);
    return;
  }
  raft.logger.info(`${describeVoter(raft)} cast ${describeVoteFor(request)} at term ${raft.term}`);
  // With the request's term: a pre-candidate is at a lower one, and ignores what is older than its request.
  raft.send(responseTo(request.type), from, { term: request.term });
  if (request.type === messageType.vote) {
    raft.electionElapsed = 0;
    raft.vote = from;
  }
}

/** Refuses a (pre-)vote, with this node's own term, from which the other may learn. */
export function refuseVote(raft: Raft, request: Message): void {
  raft.logger.info(`${describeVoter(raft)} rejected ${describeRequest(request)} at term ${raft.term}`);
  raft.send(responseTo(request.type), request.from, { term: raft.term, reject: true });
}

function responseTo(request: MessageType): MessageType {
  return request === messageType.preVote ? messageType.preVoteResp : messageType.voteResp;
}

function describeVoter(raft: Raft): string {
  const last = raft.log.lastId();
  return `${hex(raft.id)} [logterm: ${last.term}, index: ${last.index}, vote: ${hex(raft.vote)}]`;
}

function describeRequest({ type, from, logTerm, index }: Message): string {
  return `${messageTypeName(type)} from ${hex(from)} [logterm: ${logTerm}, index: ${index}]`;
}

function describeVoteFor({ type, from, logTerm, index }: Message): string {
  return `${messageTypeName(type)} for ${hex(from)} [logterm: ${logTerm}, index: ${index}]`;
}
