/** How a node takes on a configuration: at its start, from a snapshot, or from a change that was committed. */
import { invariant } from '../base/assert.ts';
import type { ConfChangeV2, ConfState } from '../proto/raftpb.ts';
import { applyChange, type Membership, mustApply, restoreMembership } from './confchange.ts';
import { allVoters } from './quorum/joint.ts';
import type { Raft } from './raft.ts';
import { broadcastAppend, broadcastEntries } from './replication.ts';
import { formatConfiguration, sameConfState, toConfState } from './tracker/configuration.ts';
import { hex, none } from './types.ts';

/** Takes on a committed change. A change that cannot be applied would make replicas diverge: it stops the node. */
export function applyConfChange(raft: Raft, change: ConfChangeV2): ConfState {
  // The driver is applying entries that were handed out before a snapshot came, whose configuration is in force already.
  if (raft.log.unstable.snapshot !== null) return toConfState(raft.tracker.configuration);
  return switchTo(raft, mustApply(applyChange(raft.membership(), change, raft.newMemberDefaults())));
}

/** Takes on a stored configuration, forgetting all progress. */
export function restoreConfState(raft: Raft, state: ConfState): void {
  const restored = switchTo(raft, restoreMembership(state, raft.newMemberDefaults()));
  invariant(sameConfState(state, restored), 'a restored configuration is the one that was stored');
}

function switchTo(raft: Raft, { configuration, progress }: Membership): ConfState {
  raft.tracker.switchTo(configuration, progress);
  raft.logger.info(`${hex(raft.id)} switched to configuration ${formatConfiguration(configuration)}`);
  if (raft.state === 'StateLeader') reactAsLeader(raft);
  return toConfState(configuration);
}

function reactAsLeader(raft: Raft): void {
  const self = raft.tracker.get(raft.id);
  const { voters } = raft.tracker.configuration;
  if (self === undefined || self.isLearner) {
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, none);
    return;
  }
  if (voters.incoming.length === 0) return;
  // A smaller quorum may have committed more by now; newcomers need not wait for the next heartbeat.
  if (raft.maybeCommit()) broadcastAppend(raft);
  else broadcastEntries(raft);
  if (raft.leadTransferee !== none && !allVoters(voters).includes(raft.leadTransferee)) raft.leadTransferee = none;
}
