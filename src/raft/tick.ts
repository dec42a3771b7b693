/** The passing of time, which the core only knows as ticks. */

import { startElection } from './elections.ts';
import type { Raft } from './raft.ts';
import { broadcastHeartbeat } from './replication.ts';
import { hex, none } from './types.ts';

/** One tick passed. */
export function tick(raft: Raft): void {
  if (raft.state === 'StateLeader') tickLeader(raft);
  else tickElection(raft);
}

function tickElection(raft: Raft): void {
  raft.electionElapsed++;
  if (!raft.promotable() || raft.electionElapsed < raft.randomizedElectionTimeout) return;
  raft.electionElapsed = 0;
  startElection(raft);
}

function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++;
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.config.electionTick) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) checkQuorum(raft);
    // A transfer that takes longer has failed; the leader goes on.
    raft.leadTransferee = none;
  }
  if (raft.state !== 'StateLeader' || raft.heartbeatElapsed < raft.config.heartbeatTick) return;
  raft.heartbeatElapsed = 0;
  broadcastHeartbeat(raft);
}

/** A leader that a majority no longer hears may have been replaced already: better no leader than a wrong one. */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.logger.warning(`${hex(raft.id)} stepped down to follower since quorum is not active`);
    raft.becomeFollower(raft.term, none);
  }
  for (const progress of raft.tracker.all) if (progress.id !== raft.id) progress.recentActive = false;
}
