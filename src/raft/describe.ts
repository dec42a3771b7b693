/** Names and texts that Raft's log lines are made of, spelled as etcd-io/raft spells them. */
import {
  type ConfChange,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  confChangeTransition,
  confChangeType,
  type MessageType,
} from '../proto/raftpb.ts';

const messageTypeNames = [
  'MsgHup',
  'MsgBeat',
  'MsgProp',
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgUnreachable',
  'MsgSnapStatus',
  'MsgCheckQuorum',
  'MsgTransferLeader',
  'MsgTimeoutNow',
  'MsgReadIndex',
  'MsgReadIndexResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgStorageAppend',
  'MsgStorageAppendResp',
  'MsgStorageApply',
  'MsgStorageApplyResp',
  'MsgForgetLeader',
] as const;

/** How many message types there are; a larger number on the wire is not one. */
export const messageTypeCount = messageTypeNames.length;

/** `MsgApp` and so on. */
export function messageTypeName(type: MessageType): string {
  return messageTypeNames[type];
}

const confChangeTypeNames: Record<ConfChangeType, string> = {
  [confChangeType.addNode]: 'ConfChangeAddNode',
  [confChangeType.removeNode]: 'ConfChangeRemoveNode',
  [confChangeType.updateNode]: 'ConfChangeUpdateNode',
  [confChangeType.addLearnerNode]: 'ConfChangeAddLearnerNode',
};

const transitionNames = {
  [confChangeTransition.auto]: 'ConfChangeTransitionAuto',
  [confChangeTransition.jointImplicit]: 'ConfChangeTransitionJointImplicit',
  [confChangeTransition.jointExplicit]: 'ConfChangeTransitionJointExplicit',
} as const;

/** Go's `%v` of a ConfChange. */
export function formatConfChange(change: ConfChange): string {
  const type = confChangeTypeNames[change.type];
  return `{${type} ${change.nodeId} ${formatBytes(change.context)} ${change.id}}`;
}

/** Go's `%v` of a ConfChangeV2. */
export function formatConfChangeV2(change: ConfChangeV2): string {
  const changes = change.changes.map((single) => `{${confChangeTypeNames[single.type]} ${single.nodeId}}`);
  return `{${transitionNames[change.transition]} [${changes.join(' ')}] ${formatBytes(change.context)}}`;
}

/** Go's `%v` of a ConfState. */
export function formatConfState(state: ConfState): string {
  const lists = [state.voters, state.learners, state.votersOutgoing, state.learnersNext];
  return `{${lists.map((ids) => `[${ids.join(' ')}]`).join(' ')} ${state.autoLeave}}`;
}

function formatBytes(bytes: Uint8Array | null): string {
  return `[${bytes === null ? '' : bytes.join(' ')}]`;
}
