/** The buckets `members`, `members_removed` and `cluster`. Keys and values are text: ids in hex, versions, JSON as Go prints it. */
import type { Backend } from '../backend/backend.ts';
import { putPair, readPairs, readText } from './pairs.ts';

const clusterVersionKey = Buffer.from('clusterVersion');
const downgradeKey = Buffer.from('downgrade');
const removedMark = Buffer.from('removed');

export function putMember(backend: Backend, idHex: string, json: string): void {
  putPair(backend, 'members', Buffer.from(idHex), Buffer.from(json));
}

/** A removed member's id is never used again, so it is remembered. */
export function removeMember(backend: Backend, idHex: string): void {
  const key = Buffer.from(idHex);
  backend.delete('members', key);
  putPair(backend, 'members_removed', key, removedMark);
}

/** The JSON of every member. */
export function readMembers(backend: Backend): string[] {
  return readPairs(backend, 'members').map(({ value }) => value.toString());
}

/** The ids, in hex. */
export function readRemovedMembers(backend: Backend): string[] {
  return readPairs(backend, 'members_removed').map(({ key }) => key.toString());
}

export function putClusterVersion(backend: Backend, version: string): void {
  putPair(backend, 'cluster', clusterVersionKey, Buffer.from(version));
}

/** Null until a leader has decided one. */
export function readClusterVersion(backend: Backend): string | null {
  return readText(backend, 'cluster', clusterVersionKey);
}

export function putDowngrade(backend: Backend, json: string): void {
  putPair(backend, 'cluster', downgradeKey, Buffer.from(json));
}

/** Null if no downgrade was ever asked for. */
export function readDowngrade(backend: Backend): string | null {
  return readText(backend, 'cluster', downgradeKey);
}
