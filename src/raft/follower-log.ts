/** What a follower does with what its leader sends: entries, commit indexes, snapshots. */
import { type ConfState, emptyConfState, type Message, messageType, type Snapshot } from '../proto/raftpb.ts';
import { formatConfState } from './describe.ts';
import { restoreConfState } from './membership.ts';
import type { Raft } from './raft.ts';
import { hex, none } from './types.ts';

/** Appends what fits behind the log, or says where the leader should try next. */
export function handleAppend(raft: Raft, append: Message): void {
  const { log } = raft;
  const { from, index, logTerm } = append;
  if (index < log.committed) {
    raft.send(messageType.appResp, from, { index: log.committed });
    return;
  }
  const last = log.acceptFromLeader({ term: logTerm, index }, append.entries, append.commit);
  if (last !== null) {
    raft.send(messageType.appResp, from, { index: last });
    return;
  }
  if (raft.logger.debugEnabled) {
    raft.logger.debug(
      `${hex(raft.id)} [logterm: ${log.termOrZero(index)}, index: ${index}] rejected MsgApp ` +
        `[logterm: ${logTerm}, index: ${index}] from ${hex(from)}`,
    );
  }
  // The leader's entries through `index` have terms of at most `logTerm`, so none of ours above the hint can match.
  const hint = log.lastNotAfter(Math.min(index, log.lastIndex()), logTerm);
  raft.send(messageType.appResp, from, { index, reject: true, rejectHint: hint.index, logTerm: hint.term });
}

/** Adopts the leader's commit index and answers, with the context that came along. */
export function handleHeartbeat(raft: Raft, heartbeat: Message): void {
  raft.log.commitTo(heartbeat.commit);
  raft.send(messageType.heartbeatResp, heartbeat.from, { context: heartbeat.context });
}

const emptySnapshot: Snapshot = { data: null, metadata: { confState: emptyConfState, index: 0, term: 0 } };

/** Installs a snapshot if it brings this node forward. */
export function handleSnapshot(raft: Raft, message: Message): void {
  const snapshot = message.snapshot ?? emptySnapshot;
  const { index, term } = snapshot.metadata;
  const restored = restore(raft, snapshot);
  const { committed } = raft.log;
  const verb = restored ? 'restored' : 'ignored';
  raft.logger.info(`${hex(raft.id)} [commit: ${committed}] ${verb} snapshot [index: ${index}, term: ${term}]`);
  raft.send(messageType.appResp, message.from, { index: restored ? raft.log.lastIndex() : committed });
}

/** Replaces log and configuration by a snapshot's. False if it is of no use here. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { logger, log } = raft;
  const self = hex(raft.id);
  const { index, term, confState } = snapshot.metadata;
  if (index <= log.committed) return false;
  if (raft.state !== 'StateFollower') {
    logger.warning(`${self} attempted to restore snapshot as leader; should never happen`);
    raft.becomeFollower(raft.term + 1, none);
    return false;
  }
  if (!isMember(confState, raft.id)) {
    logger.warning(
      `${self} attempted to restore snapshot but it is not in the ConfState ${formatConfState(confState)}; should never happen`,
    );
    return false;
  }
  if (log.matches({ term, index })) {
    logger.info(`${describeLog(raft)} fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`);
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  restoreConfState(raft, confState);
  logger.info(`${describeLog(raft)} restored snapshot [index: ${index}, term: ${term}]`);
  return true;
}

/** Learners to be are voters of the outgoing half, so they need no look of their own. */
function isMember({ voters, learners, votersOutgoing }: ConfState, id: bigint): boolean {
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id);
}

function describeLog(raft: Raft): string {
  const last = raft.log.lastId();
  return `${hex(raft.id)} [commit: ${raft.log.committed}, lastindex: ${last.index}, lastterm: ${last.term}]`;
}
