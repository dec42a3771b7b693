/** The 64-bit ids of members and clusters: how they are derived and how they are written. */
import { createHash } from 'node:crypto';

/**
 * The id of a member (etcd server/etcdserver/api/membership/member.go): the first eight bytes of a SHA-1 over its peer URLs in
 * byte order, the token and, for a member added at run time (token ''), the time of the request.
 */
export function memberId(peerUrls: readonly string[], token: string, unixSeconds?: number): bigint {
  const sorted = peerUrls.map((url) => Buffer.from(url)).sort(Buffer.compare);
  return firstEightBytes([
    ...sorted,
    Buffer.from(token),
    Buffer.from(unixSeconds === undefined ? '' : `${unixSeconds}`),
  ]);
}

/** The id of a cluster whose first members have these ids, in any order. It never changes with the membership. */
export function clusterId(memberIds: readonly bigint[]): bigint {
  const ascending = [...memberIds].sort(compareIds).map((id) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(id);
    return bytes;
  });
  return firstEightBytes(ascending);
}

function firstEightBytes(parts: readonly Uint8Array[]): bigint {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest().readBigUInt64BE(0);
}

/** The text form in logs, URLs and headers: lower-case hex without leading zeros. */
export function formatId(id: bigint): string {
  return id.toString(16);
}

/** Reads what `formatId` writes, upper case and leading zeros too (Go's strconv.ParseUint, base 16); null for anything else. */
export function parseId(text: string): bigint | null {
  if (!/^[0-9a-fA-F]+$/.test(text)) return null;
  const id = BigInt(`0x${text}`);
  return id < 1n << 64n ? id : null;
}

/** Ascending, as unsigned 64-bit numbers. */
export function compareIds(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
