/** A member of the cluster and its JSON, byte for byte as etcd's Go code prints it into entries, buckets and /members. [pure] */
import { goJsonString, goJsonStrings, JsonError, type JsonValue, parseJson } from './json.ts';

export interface Member {
  readonly id: bigint;
  /** Empty until the member has published itself. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty until the member has published itself. */
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** A member that has published its name at least once. */
export function isStarted(member: Member): boolean {
  return member.name !== '';
}

/** membership.Member as encoding/json prints it: ids are numbers, empty fields but peerURLs are left out. */
export function memberJson(member: Member): string {
  return `{${memberFields(member)}}`;
}

function memberFields(member: Member): string {
  let text = `"id":${member.id},"peerURLs":${goJsonStrings(member.peerUrls)}`;
  if (member.isLearner) text += ',"isLearner":true';
  if (member.name !== '') text += `,"name":${goJsonString(member.name)}`;
  if (member.clientUrls.length > 0) text += `,"clientURLs":${goJsonStrings(member.clientUrls)}`;
  return text;
}

/** The answer of GET /members and of a promotion: a JSON array and a newline. */
export function membersJson(members: readonly Member[]): string {
  return `[${members.map(memberJson).join(',')}]\n`;
}

/** The context of a conf change that promotes a learner (membership.ConfigChangeContext with nothing but the id). */
export function promotionJson(id: bigint): string {
  return `{"id":${id},"peerURLs":null,"isPromote":true}`;
}

/** membership.Attributes: the value of a v2-form publish. */
export function attributesJson(name: string, clientUrls: readonly string[]): string {
  const fields: string[] = [];
  if (name !== '') fields.push(`"name":${goJsonString(name)}`);
  if (clientUrls.length > 0) fields.push(`"clientURLs":${goJsonStrings(clientUrls)}`);
  return `{${fields.join(',')}}`;
}

/** membership.RaftAttributes: the other half of a member in a v2 store. */
export function raftAttributesJson(member: Pick<Member, 'peerUrls' | 'isLearner'>): string {
  return `{"peerURLs":${goJsonStrings(member.peerUrls)}${member.isLearner ? ',"isLearner":true' : ''}}`;
}

/** A conf change's context: a member, and whether the change promotes it. */
export interface ConfChangeContext {
  readonly member: Member;
  readonly isPromote: boolean;
}

/** Parses membership.Member. Throws JsonError. */
export function parseMember(text: string): Member {
  return memberOf(parseJson(text));
}

/** Parses the body of GET /members. Throws JsonError. */
export function parseMembers(text: string): Member[] {
  const value = parseJson(text);
  if (value === null) return [];
  if (!Array.isArray(value)) throw new JsonError('cannot unmarshal into a list of members');
  return (value as readonly JsonValue[]).map(memberOf);
}

/** Parses membership.ConfigChangeContext, whose plain form is a member. Throws JsonError. */
export function parseConfChangeContext(text: string): ConfChangeContext {
  const value = parseJson(text);
  return { member: memberOf(value), isPromote: booleanField(fieldsOf(value), 'isPromote') };
}

/** Parses membership.Attributes. Throws JsonError. */
export function parseAttributes(text: string): { readonly name: string; readonly clientUrls: readonly string[] } {
  const fields = fieldsOf(parseJson(text));
  return { name: stringField(fields, 'name'), clientUrls: stringsField(fields, 'clientURLs') };
}

/** Parses membership.RaftAttributes. Throws JsonError. */
export function parseRaftAttributes(text: string): Pick<Member, 'peerUrls' | 'isLearner'> {
  const fields = fieldsOf(parseJson(text));
  return { peerUrls: stringsField(fields, 'peerURLs'), isLearner: booleanField(fields, 'isLearner') };
}

/** Parses version.DowngradeInfo. Throws JsonError. */
export function parseDowngrade(text: string): { readonly enabled: boolean; readonly targetVersion: string } {
  const fields = fieldsOf(parseJson(text));
  return { enabled: booleanField(fields, 'enabled'), targetVersion: stringField(fields, 'target-version') };
}

type Fields = ReadonlyMap<string, JsonValue>;

function memberOf(value: JsonValue): Member {
  const fields = fieldsOf(value);
  return {
    id: idField(fields, 'id'),
    name: stringField(fields, 'name'),
    peerUrls: stringsField(fields, 'peerURLs'),
    clientUrls: stringsField(fields, 'clientURLs'),
    isLearner: booleanField(fields, 'isLearner'),
  };
}

/** Keys in lower case: Go matches them without regard to case, the last one wins. */
function fieldsOf(value: JsonValue): Fields {
  if (value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw new JsonError('cannot unmarshal into a member');
  return new Map(Object.entries(value as Record<string, JsonValue>).map(([key, field]) => [key.toLowerCase(), field]));
}

/** Null and absent fields read as the zero value, as in Go. */
function fieldOf(fields: Fields, name: string): JsonValue {
  return fields.get(name.toLowerCase()) ?? null;
}

function idField(fields: Fields, name: string): bigint {
  const value = fieldOf(fields, name);
  if (value === null) return 0n;
  const id = typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
  if (typeof id !== 'bigint' || id < 0n || id >= 1n << 64n) throw new JsonError(`field ${name} is not a 64-bit id`);
  return id;
}

function stringField(fields: Fields, name: string): string {
  const value = fieldOf(fields, name) ?? '';
  if (typeof value !== 'string') throw new JsonError(`field ${name} is not a string`);
  return value;
}

function stringsField(fields: Fields, name: string): readonly string[] {
  const value = fieldOf(fields, name) ?? [];
  if (!Array.isArray(value)) throw new JsonError(`field ${name} is not a list`);
  return (value as readonly JsonValue[]).map((item) => {
    if (typeof item !== 'string') throw new JsonError(`field ${name} is not a list of strings`);
    return item;
  });
}

function booleanField(fields: Fields, name: string): boolean {
  const value = fieldOf(fields, name) ?? false;
  if (typeof value !== 'boolean') throw new JsonError(`field ${name} is not a boolean`);
  return value;
}
