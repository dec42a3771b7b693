/**
 * The data of a raft snapshot: the membership as a v2 store in JSON, as etcd 3.6 derives it from its database (server/etcdserver/
 * cluster_util.go, api/v2store). 3.4 and 3.5 read their members and the cluster version from it, so it has to be complete. [pure]
 */
import { err, ok, type Result } from '../../base/result.ts';
import { compareIds, formatId, parseId } from './ids.ts';
import { goJsonString, JsonError, type JsonValue, parseJson } from './json.ts';
import { attributesJson, type Member, parseAttributes, parseRaftAttributes, raftAttributesJson } from './member.ts';
import type { MembershipState } from './membership.ts';

/** What a v2 store says of a cluster. */
export type StoredMembership = Pick<MembershipState, 'members' | 'removed' | 'version'>;

const membersPath = '/0/members';
const removedPath = '/0/removed_members';
const versionPath = '/0/version';

/** etcd keeps so many events; the slots that are not used yet are nulls. */
const eventsMax = 1000;

/** Writes a store that was made by putting in the members, the removed ids and the version, in this order. */
export function encodeV2Store(state: StoredMembership): Buffer {
  const root = directory('/', 0);
  root.children.set('0', directory('/0', 0));
  root.children.set('1', directory('/1', 0));
  const events: string[] = [];
  const counts = { set: 0, create: 0 };
  const write = (action: 'set' | 'create', path: string, value: string): void => {
    const index = events.length + 1;
    counts[action]++;
    insert(root, path, value, index);
    events.push(
      `{"action":"${action}","node":{"key":${goJsonString(path)},"value":${goJsonString(value)},"modifiedIndex":${index},"createdIndex":${index}}}`,
    );
  };
  for (const member of [...state.members].sort((a, b) => compareIds(a.id, b.id))) {
    const path = `${membersPath}/${formatId(member.id)}`;
    write('create', `${path}/raftAttributes`, raftAttributesJson(member));
    if (member.clientUrls.length > 0)
      write('set', `${path}/attributes`, attributesJson(member.name, member.clientUrls));
  }
  for (const id of [...state.removed].sort(compareIds)) write('create', `${removedPath}/${formatId(id)}`, '');
  if (state.version !== null) write('set', versionPath, state.version);
  return Buffer.from(
    `{"Root":${nodeJson(root)},"WatcherHub":{"EventHistory":${historyJson(events)}},"CurrentIndex":${events.length},` +
      `"Stats":${statsJson(counts)},"CurrentVersion":2}`,
  );
}

interface Node {
  readonly path: string;
  readonly index: number;
  readonly value: string;
  /** Null: a file. */
  readonly children: Map<string, Node> | null;
}

interface Directory extends Node {
  readonly children: Map<string, Node>;
}

function directory(path: string, index: number): Directory {
  return { path, index, value: '', children: new Map() };
}

function insert(root: Directory, path: string, value: string, index: number): void {
  const names = path.slice(1).split('/');
  const last = names.pop() ?? '';
  let into = root;
  let at = '';
  for (const name of names) {
    at += `/${name}`;
    const known = into.children.get(name);
    const next = known !== undefined && isDirectory(known) ? known : directory(at, index);
    into.children.set(name, next);
    into = next;
  }
  into.children.set(last, { path, index, value, children: null });
}

function isDirectory(node: Node): node is Directory {
  return node.children !== null;
}

function nodeJson(node: Node): string {
  const children =
    node.children === null
      ? 'null'
      : `{${[...node.children]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, child]) => `${goJsonString(name)}:${nodeJson(child)}`)
          .join(',')}}`;
  return (
    `{"Path":${goJsonString(node.path)},"CreatedIndex":${node.index},"ModifiedIndex":${node.index},` +
    `"ExpireTime":"0001-01-01T00:00:00Z","Value":${goJsonString(node.value)},"Children":${children}}`
  );
}

/** A ring of the last events; event n is in slot (n - 1) modulo its size. */
function historyJson(events: readonly string[]): string {
  const slots = new Array<string>(eventsMax).fill('null');
  for (const [index, event] of events.entries()) slots[index % eventsMax] = event;
  const size = Math.min(events.length, eventsMax);
  const first = events.length - size;
  return (
    `{"Queue":{"Events":[${slots.join(',')}],"Size":${size},"Front":${first % eventsMax},"Back":${events.length % eventsMax},` +
    `"Capacity":${eventsMax}},"StartIndex":${events.length === 0 ? 0 : first + 1},"LastIndex":${events.length}}`
  );
}

/** etcd looks for members in the new store before it writes: one get that fails. */
function statsJson({ set, create }: { readonly set: number; readonly create: number }): string {
  const counters: readonly (readonly [string, number])[] = [
    ['getsSuccess', 0],
    ['getsFail', 1],
    ['setsSuccess', set],
    ['setsFail', 0],
    ['deleteSuccess', 0],
    ['deleteFail', 0],
    ['updateSuccess', 0],
    ['updateFail', 0],
    ['createSuccess', create],
    ['createFail', 0],
    ['compareAndSwapSuccess', 0],
    ['compareAndSwapFail', 0],
    ['compareAndDeleteSuccess', 0],
    ['compareAndDeleteFail', 0],
    ['expireCount', 0],
    ['watchers', 0],
  ];
  return `{${counters.map(([name, value]) => `"${name}":${value}`).join(',')}}`;
}

/** Reads the membership of a store that any etcd wrote; an empty store has none. The error says what is wrong with it. */
export function decodeV2Store(data: Uint8Array): Result<StoredMembership, string> {
  try {
    const store = parseJson(Buffer.from(data).toString('utf8'));
    const root = childOf(store, 'Root');
    const cluster = childNode(root, '0');
    const members = Object.entries(childrenOf(childNode(cluster, 'members'))).map(([id, node]) => memberOf(id, node));
    const removed = Object.keys(childrenOf(childNode(cluster, 'removed_members'))).map(idOf);
    const version = childNode(cluster, 'version');
    return ok({ members, removed, version: version === null ? null : textOf(version) });
  } catch (error) {
    if (error instanceof JsonError) return err(`the v2 store of the snapshot cannot be read: ${error.message}`);
    throw error;
  }
}

/** Whether there is user data of etcd 2 in it, which etcd 3.6 refuses to open (its IsMetaStoreOnly). */
export function hasV2UserData(data: Uint8Array): boolean {
  const root = childOf(parseJson(Buffer.from(data).toString('utf8')), 'Root');
  return Object.entries(childrenOf(root)).some(([name, node]) => {
    const children = Object.values(childrenOf(node));
    if (name === '0') return false;
    // The rights of etcd 2 leave their empty folders behind.
    if (name === '2') return children.some((child) => Object.keys(childrenOf(child)).length > 0);
    return children.length > 0;
  });
}

function memberOf(id: string, node: JsonValue): Member {
  const raft = childNode(node, 'raftAttributes');
  if (raft === null) throw new JsonError(`member ${id} has no raftAttributes`);
  const own = childNode(node, 'attributes');
  const { name, clientUrls } = own === null ? { name: '', clientUrls: [] } : parseAttributes(textOf(own));
  return { id: idOf(id), name, clientUrls, ...parseRaftAttributes(textOf(raft)) };
}

function idOf(text: string): bigint {
  const id = parseId(text);
  if (id === null) throw new JsonError(`${text} is not the id of a member`);
  return id;
}

function childOf(value: JsonValue, key: string): JsonValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  return (value as Readonly<Record<string, JsonValue>>)[key] ?? null;
}

function childrenOf(node: JsonValue): Readonly<Record<string, JsonValue>> {
  const children = childOf(node, 'Children');
  if (children === null) return {};
  if (typeof children !== 'object' || Array.isArray(children)) throw new JsonError('Children is not an object');
  return children as Readonly<Record<string, JsonValue>>;
}

function childNode(node: JsonValue, name: string): JsonValue {
  return childrenOf(node)[name] ?? null;
}

function textOf(node: JsonValue): string {
  const value = childOf(node, 'Value');
  if (typeof value !== 'string') throw new JsonError('Value is not a string');
  return value;
}
