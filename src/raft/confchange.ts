/**
 * Membership changes as pure functions from one configuration to the next (Raft §6, thesis 4.1 and 4.3).
 *
 * A simple change moves at most one voter. Anything more enters a joint configuration first and leaves it later.
 */
import { invariant } from '../base/assert.ts';
import { err, ok, type Result } from '../base/result.ts';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  confChangeTransition,
  confChangeType,
} from '../proto/raftpb.ts';
import { sortedIds } from './quorum/joint.ts';
import { type Configuration, isJoint } from './tracker/configuration.ts';
import { Inflights } from './tracker/inflights.ts';
import { Progress } from './tracker/progress.ts';

/** A configuration and the progress of exactly its members, in ascending order of ids. */
export interface Membership {
  readonly configuration: Configuration;
  readonly progress: ReadonlyMap<bigint, Progress>;
}

/** What a new member's progress starts from. */
export interface NewMemberDefaults {
  /** The last index of the log, where probing starts. */
  readonly lastIndex: number;
  readonly inflightsMax: number;
  readonly inflightBytesMax: number;
}

/** Applies changes that together add or remove at most one voter. The error is a sentence for people. */
export function simpleChange(
  from: Membership,
  changes: readonly ConfChangeSingle[],
  defaults: NewMemberDefaults,
): Result<Membership, string> {
  if (isJoint(from.configuration)) return err("can't apply simple config change in joint config");
  const draft = new Draft(from);
  const problem = draft.apply(changes);
  if (problem !== null) return err(problem);
  if (difference(from.configuration.voters.incoming, draft.incoming) > 1)
    return err('more than one voter changed without entering joint config');
  return ok(draft.finish(defaults, false));
}

/** Makes the current voters the outgoing half, and applies changes of any size to the incoming half. */
export function enterJoint(
  from: Membership,
  changes: readonly ConfChangeSingle[],
  autoLeave: boolean,
  defaults: NewMemberDefaults,
): Result<Membership, string> {
  if (isJoint(from.configuration)) return err('config is already joint');
  if (from.configuration.voters.incoming.length === 0) return err("can't make a zero-voter config joint");
  const draft = new Draft(from);
  draft.copyIncomingToOutgoing();
  const problem = draft.apply(changes);
  return problem === null ? ok(draft.finish(defaults, autoLeave)) : err(problem);
}

/** Drops the outgoing half. Those who voted only there go, or become the learners that they were to be. */
export function leaveJoint(from: Membership, defaults: NewMemberDefaults): Result<Membership, string> {
  if (!isJoint(from.configuration)) return err("can't leave a non-joint config");
  const draft = new Draft(from);
  draft.dropOutgoing();
  return ok(draft.finish(defaults, false));
}

/** Applies a proposed change by the protocol that its size and transition ask for. */
export function applyChange(
  from: Membership,
  change: ConfChangeV2,
  defaults: NewMemberDefaults,
): Result<Membership, string> {
  if (leavesJoint(change)) return leaveJoint(from, defaults);
  if (change.transition === confChangeTransition.auto && change.changes.length <= 1)
    return simpleChange(from, change.changes, defaults);
  return enterJoint(from, change.changes, change.transition !== confChangeTransition.jointExplicit, defaults);
}

/** True for the empty change, which asks to leave a joint configuration. */
function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === confChangeTransition.auto && change.changes.length === 0;
}

/** The same change in the newer form. */
export function asConfChangeV2(change: ConfChange): ConfChangeV2 {
  return {
    transition: confChangeTransition.auto,
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

/** Rebuilds the membership that a ConfState describes, by replaying changes that lead to it. */
export function restoreMembership(state: ConfState, defaults: NewMemberDefaults): Membership {
  const incoming = [
    ...changesOf(confChangeType.addNode, state.voters),
    ...changesOf(confChangeType.addLearnerNode, state.learners),
    ...changesOf(confChangeType.addLearnerNode, state.learnersNext),
  ];
  if (state.votersOutgoing.length === 0) return oneByOne(incoming, defaults);
  const outgoing = oneByOne(changesOf(confChangeType.addNode, state.votersOutgoing), defaults);
  const removals = changesOf(confChangeType.removeNode, state.votersOutgoing);
  return mustApply(enterJoint(outgoing, [...removals, ...incoming], state.autoLeave, defaults));
}

function changesOf(type: ConfChangeSingle['type'], ids: readonly bigint[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}

function oneByOne(changes: readonly ConfChangeSingle[], defaults: NewMemberDefaults): Membership {
  let membership = emptyMembership;
  for (const change of changes) membership = mustApply(simpleChange(membership, [change], defaults));
  return membership;
}

/** A change that was agreed on, or was stored before, has to be possible: the replicas would diverge otherwise. */
export function mustApply(result: Result<Membership, string>): Membership {
  invariant(result.ok, `configuration change cannot be applied: ${result.ok ? '' : result.error}`);
  return result.value;
}

const emptyMembership: Membership = {
  configuration: { voters: { incoming: [], outgoing: [] }, learners: [], learnersNext: [], autoLeave: false },
  progress: new Map(),
};

/** Ids that are in exactly one of the two sets. */
function difference(before: readonly bigint[], after: ReadonlySet<bigint>): number {
  const kept = before.filter((id) => after.has(id)).length;
  return before.length - kept + (after.size - kept);
}

/** A membership in the making: sets that can be edited, checked and sorted at the end. */
class Draft {
  readonly incoming: Set<bigint>;
  private outgoing: Set<bigint>;
  private readonly learners: Set<bigint>;
  private readonly learnersNext: Set<bigint>;
  /** The progress of each member; null for a member that starts afresh, also if it was removed and added again. */
  private readonly tracked: Map<bigint, Progress | null>;

  constructor({ configuration, progress }: Membership) {
    this.incoming = new Set(configuration.voters.incoming);
    this.outgoing = new Set(configuration.voters.outgoing);
    this.learners = new Set(configuration.learners);
    this.learnersNext = new Set(configuration.learnersNext);
    this.tracked = new Map(progress);
  }

  /** Applies changes in order. Returns the problem, or null. */
  apply(changes: readonly ConfChangeSingle[]): string | null {
    for (const { type, nodeId } of changes) {
      // The application blanks the id of a change that it decides not to apply.
      if (nodeId === 0n) continue;
      if (type === confChangeType.addNode) this.makeVoter(nodeId);
      else if (type === confChangeType.addLearnerNode) this.makeLearner(nodeId);
      else if (type === confChangeType.removeNode) this.remove(nodeId);
      else if (type !== confChangeType.updateNode) return `unexpected conf type ${type}`;
    }
    return this.incoming.size === 0 ? 'removed all voters' : null;
  }

  copyIncomingToOutgoing(): void {
    this.outgoing = new Set(this.incoming);
  }

  dropOutgoing(): void {
    for (const id of this.learnersNext) this.learners.add(id);
    this.learnersNext.clear();
    for (const id of this.outgoing) if (!this.incoming.has(id) && !this.learners.has(id)) this.tracked.delete(id);
    this.outgoing.clear();
  }

  finish(defaults: NewMemberDefaults, autoLeave: boolean): Membership {
    const progress = new Map<bigint, Progress>();
    for (const id of sortedIds(this.tracked.keys())) {
      const isLearner = this.learners.has(id);
      const kept = this.tracked.get(id) ?? newProgress(id, isLearner, defaults);
      kept.isLearner = isLearner;
      progress.set(id, kept);
    }
    const configuration: Configuration = {
      voters: { incoming: sortedIds(this.incoming), outgoing: sortedIds(this.outgoing) },
      learners: sortedIds(this.learners),
      learnersNext: sortedIds(this.learnersNext),
      autoLeave,
    };
    checkMembership(configuration, progress);
    return { configuration, progress };
  }

  private makeVoter(id: bigint): void {
    this.track(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    this.incoming.add(id);
  }

  private makeLearner(id: bigint): void {
    if (this.learners.has(id)) return;
    this.track(id);
    this.incoming.delete(id);
    // Who still votes in the outgoing half cannot be a learner yet.
    if (this.outgoing.has(id)) this.learnersNext.add(id);
    else this.learners.add(id);
  }

  private remove(id: bigint): void {
    this.incoming.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
    if (!this.outgoing.has(id)) this.tracked.delete(id);
  }

  private track(id: bigint): void {
    if (!this.tracked.has(id)) this.tracked.set(id, null);
  }
}

function newProgress(id: bigint, isLearner: boolean, defaults: NewMemberDefaults): Progress {
  const inflights = new Inflights(defaults.inflightsMax, defaults.inflightBytesMax);
  const progress = new Progress(id, Math.max(defaults.lastIndex, 1), isLearner, inflights);
  // Otherwise a check of the quorum could depose the leader before the newcomer had a chance to be heard.
  progress.recentActive = true;
  return progress;
}

function checkMembership(
  { voters, learners, learnersNext, autoLeave }: Configuration,
  progress: Membership['progress'],
) {
  const { incoming, outgoing } = voters;
  const members = new Set([...incoming, ...outgoing, ...learners, ...learnersNext]);
  invariant(members.size === progress.size, 'exactly the members are tracked');
  for (const id of members) invariant(progress.has(id), `no progress for ${id}`);
  for (const id of learnersNext) invariant(outgoing.includes(id), `${id} is in LearnersNext, but not Voters[1]`);
  for (const id of learners) invariant(!outgoing.includes(id), `${id} is in Learners and Voters[1]`);
  for (const id of learners) invariant(!incoming.includes(id), `${id} is in Learners and Voters[0]`);
  invariant(outgoing.length > 0 || learnersNext.length === 0, 'LearnersNext must be empty when not joint');
  invariant(outgoing.length > 0 || !autoLeave, 'AutoLeave must be false when not joint');
}
