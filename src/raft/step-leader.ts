/** What a leader does with a message of its own term. */
import type { Result } from '../base/result.ts';
import { type Message, messageType } from '../proto/raftpb.ts';
import { proposeAsLeader } from './proposals.ts';
import type { Raft } from './raft.ts';
import { acknowledgeRead, readAsLeader, releasePostponedReads } from './reads.ts';
import { broadcastAppend, sendAppend, sendEntries } from './replication.ts';
import { describeProgress, type Progress } from './tracker/progress.ts';
import { accepted, hex, none, type RaftError } from './types.ts';

export function stepLeader(raft: Raft, message: Message): Result<void, RaftError> {
  if (message.type === messageType.prop) return proposeAsLeader(raft, message.entries);
  if (message.type === messageType.readIndex) readAsLeader(raft, message);
  else if (message.type !== messageType.forgetLeader) stepFromMember(raft, message);
  return accepted;
}

/** Messages that concern the progress of their sender, or of the node that a report is about. */
function stepFromMember(raft: Raft, message: Message): void {
  const progress = raft.tracker.get(message.from);
  if (progress === undefined) {
    if (raft.logger.debugEnabled) raft.logger.debug(`${hex(raft.id)} no progress available for ${hex(message.from)}`);
    return;
  }
  switch (message.type) {
    case messageType.appResp:
      progress.recentActive = true;
      if (message.reject) handleRejection(raft, progress, message);
      else handleAcknowledgement(raft, progress, message.index);
      break;
    case messageType.heartbeatResp:
      handleHeartbeatResponse(raft, progress, message);
      break;
    case messageType.snapStatus:
      handleSnapshotStatus(raft, progress, !message.reject);
      break;
    case messageType.unreachable:
      handleUnreachable(raft, progress);
      break;
    case messageType.transferLeader:
      transferLeadership(raft, progress);
      break;
    default:
      break;
  }
}

/** Rejections in a row of entries that a node had acknowledged, after which the operator is told. */
const lostLogRejectsUntilWarning = 3;

/** Moves back to where the logs may meet, and tries there. At most one try for each term in the leader's log. */
function handleRejection(raft: Raft, progress: Progress, { index, rejectHint, logTerm }: Message): void {
  const { logger } = raft;
  const from = hex(progress.id);
  if (logger.debugEnabled) {
    logger.debug(
      `${hex(raft.id)} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) from ${from} for index ${index}`,
    );
  }
  // Where our term is higher than the follower's at the hint, its entry is another one: skip all of these at once.
  const hint = logTerm > 0 ? raft.log.lastNotAfter(rejectHint, logTerm).index : rejectHint;
  const outcome = progress.onRejected(index, hint);
  if (outcome === 'lostLog' && progress.lostLogRejects === lostLogRejectsUntilWarning) {
    logger.warning(
      `${hex(raft.id)} got entry ${index} rejected by ${from}, which had acknowledged it [match: ${progress.match}]: ` +
        'it has lost its log; remove the member and add it again',
    );
  }
  if (outcome !== 'decreased') return;
  if (logger.debugEnabled)
    logger.debug(`${hex(raft.id)} decreased progress of ${from} to [${describeProgress(progress)}]`);
  if (progress.state === 'StateReplicate') progress.becomeProbe();
  sendAppend(raft, progress);
}

/** The sender's log matches through `index`: this may commit entries, and there may be room to send more. */
function handleAcknowledgement(raft: Raft, progress: Progress, index: number): void {
  const news = progress.acknowledge(index);
  // A probe that only confirmed what was known still shows that the node can be sent more.
  if (!news && !(progress.match === index && progress.state === 'StateProbe')) return;
  resumeReplication(raft, progress, index);

  const toOther = progress.id !== raft.id;
  if (raft.maybeCommit()) {
    releasePostponedReads(raft);
    broadcastAppend(raft);
  } else if (toOther && progress.canAdvanceCommit(raft.log.committed)) {
    sendAppend(raft, progress);
  }
  // The window may have room for several messages now.
  if (toOther) while (sendEntries(raft, progress)) {}

  if (progress.id === raft.leadTransferee && progress.match === raft.log.lastIndex()) {
    raft.logger.info(`${hex(raft.id)} sent MsgTimeoutNow to ${hex(progress.id)} after received MsgAppResp`);
    raft.send(messageType.timeoutNow, progress.id);
  }
}

function resumeReplication(raft: Raft, progress: Progress, index: number): void {
  switch (progress.state) {
    case 'StateProbe':
      progress.becomeReplicate();
      break;
    case 'StateSnapshot':
      // Whichever snapshot the node installed: if the log goes on from there, the log will do.
      if (progress.match + 1 < raft.log.firstIndex()) break;
      if (raft.logger.debugEnabled)
        raft.logger.debug(
          `${hex(raft.id)} recovered from needing snapshot, resumed sending replication messages to ${hex(progress.id)} [${describeProgress(progress)}]`,
        );
      progress.becomeProbe();
      progress.becomeReplicate();
      break;
    case 'StateReplicate':
      progress.freeInflights(index);
      break;
  }
}

function handleHeartbeatResponse(raft: Raft, progress: Progress, message: Message): void {
  progress.recentActive = true;
  progress.resumeFlow();
  // Also when the window is full, with an empty append: whatever filled it may have been lost.
  if (progress.match < raft.log.lastIndex() || progress.state === 'StateProbe') sendAppend(raft, progress);
  acknowledgeRead(raft, progress.id, message.context);
}

function handleSnapshotStatus(raft: Raft, progress: Progress, delivered: boolean): void {
  if (progress.state !== 'StateSnapshot') return;
  progress.becomeProbeAfterSnapshot(delivered);
  if (raft.logger.debugEnabled) {
    const outcome = delivered ? 'succeeded' : 'failed';
    raft.logger.debug(
      `${hex(raft.id)} snapshot ${outcome}, resumed sending replication messages to ${hex(progress.id)} [${describeProgress(progress)}]`,
    );
  }
  progress.pauseFlow();
}

function handleUnreachable(raft: Raft, progress: Progress): void {
  // What was pipelined is probably lost.
  if (progress.state === 'StateReplicate') progress.becomeProbe();
  if (raft.logger.debugEnabled)
    raft.logger.debug(
      `${hex(raft.id)} failed to send message to ${hex(progress.id)} because it is unreachable [${describeProgress(progress)}]`,
    );
}

/** Hands over to a voter, once it has the whole log (thesis 3.10). Given up after an election timeout. */
function transferLeadership(raft: Raft, target: Progress): void {
  const { logger, leadTransferee: earlier } = raft;
  const self = hex(raft.id);
  const to = hex(target.id);
  if (target.isLearner) {
    if (logger.debugEnabled) logger.debug(`${self} is learner. Ignored transferring leadership`);
    return;
  }
  if (earlier === target.id) {
    logger.info(
      `${self} [term ${raft.term}] transfer leadership to ${to} is in progress, ignores request to same node ${to}`,
    );
    return;
  }
  if (earlier !== none) {
    raft.leadTransferee = none;
    logger.info(`${self} [term ${raft.term}] abort previous transferring leadership to ${hex(earlier)}`);
  }
  if (target.id === raft.id) {
    if (logger.debugEnabled) logger.debug(`${self} is already leader. Ignored transferring leadership to self`);
    return;
  }
  logger.info(`${self} [term ${raft.term}] starts to transfer leadership to ${to}`);
  raft.electionElapsed = 0;
  raft.leadTransferee = target.id;
  if (target.match === raft.log.lastIndex()) {
    raft.send(messageType.timeoutNow, target.id);
    logger.info(`${self} sends MsgTimeoutNow to ${to} immediately as ${to} already has up-to-date log`);
  } else {
    sendAppend(raft, target);
  }
}
