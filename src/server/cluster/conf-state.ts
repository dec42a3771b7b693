/** raftpb.ConfState as Go's encoding/json prints and reads it, in a member's database. [pure] */
import { type ConfState, emptyConfState } from '../../proto/raftpb.ts';
import { JsonError, type JsonValue, parseJson } from './json.ts';
import type { Membership } from './membership.ts';

/** Ids are numbers, empty lists are left out. */
export function confStateJson({ voters, learners, votersOutgoing, learnersNext, autoLeave }: ConfState): string {
  const list = (name: string, ids: readonly bigint[]): string =>
    ids.length === 0 ? '' : `"${name}":[${ids.join(',')}],`;
  const lists =
    list('voters', voters) +
    list('learners', learners) +
    list('voters_outgoing', votersOutgoing) +
    list('learners_next', learnersNext);
  return `{${lists}"auto_leave":${autoLeave}}`;
}

/** Throws JsonError. */
function parseConfState(text: string): ConfState {
  const value = parseJson(text);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new JsonError('not a ConfState');
  const fields = new Map(Object.entries(value as Record<string, JsonValue>));
  const ids = (name: string): bigint[] => {
    const list = fields.get(name) ?? [];
    if (!Array.isArray(list)) throw new JsonError(`field ${name} is not a list of ids`);
    return (list as readonly JsonValue[]).map((id) => {
      if (typeof id !== 'number' && typeof id !== 'bigint') throw new JsonError(`field ${name} is not a list of ids`);
      return BigInt(id);
    });
  };
  return {
    voters: ids('voters'),
    learners: ids('learners'),
    votersOutgoing: ids('voters_outgoing'),
    learnersNext: ids('learners_next'),
    autoLeave: fields.get('auto_leave') === true,
  };
}

/**
 * Who takes part by what a database says, `stored` being the JSON that it holds. Databases of etcd 3.4 hold the members alone, and in one
 * that `etcdutl snapshot restore` has given new members, the rest still speaks of those that it was taken from. Throws JsonError.
 */
export function confStateFrom(stored: string | null, membership: Membership): ConfState {
  const members = membership.members();
  if (stored !== null) {
    const confState = parseConfState(stored);
    const ids = new Set([...confState.voters, ...confState.learners]);
    if (ids.size === members.length && members.every(({ id }) => ids.has(id))) return confState;
  }
  return {
    ...emptyConfState,
    voters: members.filter(({ isLearner }) => !isLearner).map(({ id }) => id),
    learners: members.filter(({ isLearner }) => isLearner).map(({ id }) => id),
  };
}
