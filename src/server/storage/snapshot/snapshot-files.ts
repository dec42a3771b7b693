/**
 * The .snap files: raft snapshots beside the database, `<term>-<index>.snap` in 16 hex digits each, so that the last name is the
 * newest (etcd server/etcdserver/api/snap). They carry the membership for old versions; the keys are in the database.
 */
import { join } from 'node:path';
import { crc32c } from '../../../base/crc32c.ts';
import type { Disk } from '../../../base/ports.ts';
import { err, ok, type Result } from '../../../base/result.ts';
import { ProtoError, Reader } from '../../../proto/codec.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from '../../../proto/raftpb.ts';
import { decodeSnapshotFile, encodeSnapshotFile } from '../../../proto/snappb.ts';

/** A snapshot file that was set aside because it cannot be read. */
export interface BrokenSnapshot {
  /** Its path until now; it is there with `.broken` appended. */
  readonly path: string;
  readonly reason: string;
}

export interface LoadedSnapshot {
  /** The newest that is whole and wanted; null if there is none. */
  readonly snapshot: Snapshot | null;
  readonly broken: readonly BrokenSnapshot[];
}

export function snapshotFileName(metadata: { readonly term: number; readonly index: number }): string {
  return `${hex16(metadata.term)}-${hex16(metadata.index)}.snap`;
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}

/**
 * Writes a snapshot durably; it is there whole or not at all. Only then may its record go into the WAL. Rejects with the operating
 * system's error. An empty snapshot (index 0) is not saved, as in etcd.
 */
export async function saveSnapshotFile(disk: Disk, directory: string, snapshot: Snapshot): Promise<void> {
  if (snapshot.metadata.index === 0) return;
  const path = join(directory, snapshotFileName(snapshot.metadata));
  const temporary = `${path}.tmp`;
  if (await disk.exists(temporary)) await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.writev([encodeSnapshotBytes(snapshot)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
}

/**
 * Loads the newest snapshot that `wanted` accepts: at a start, one that the WAL knows. Unreadable ones on the way are renamed to
 * `.broken` and skipped. Rejects if the directory cannot be read.
 */
export async function loadNewestSnapshot(
  disk: Disk,
  directory: string,
  wanted: (snapshot: Snapshot) => boolean,
): Promise<LoadedSnapshot> {
  const broken: BrokenSnapshot[] = [];
  const names = (await disk.list(directory)).filter((name) => name.endsWith('.snap'));
  for (const name of names.reverse()) {
    const path = join(directory, name);
    const read = decodeSnapshotBytes(await readWhole(disk, path));
    if (!read.ok) {
      await disk.rename(path, `${path}.broken`);
      broken.push({ path, reason: read.error });
    } else if (wanted(read.value)) return { snapshot: read.value, broken };
  }
  return { snapshot: null, broken };
}

/** Removes the oldest snapshots while there are more than `filesMax`; resolves to their names. */
export async function purgeSnapshotFiles(disk: Disk, directory: string, filesMax: number): Promise<string[]> {
  const names = (await disk.list(directory)).filter((name) => name.endsWith('.snap'));
  const removed = names.slice(0, Math.max(0, names.length - filesMax));
  for (const name of removed) await disk.remove(join(directory, name));
  return removed;
}

/** The bytes of a .snap file. */
export function encodeSnapshotBytes(snapshot: Snapshot): Buffer {
  const data = encodeSnapshot(snapshot);
  return encodeSnapshotFile({ crc: crc32c(0, data), data });
}

/** Reads the bytes of a .snap file; the snapshot's data is a view of them. The error says what is wrong with them. */
export function decodeSnapshotBytes(bytes: Uint8Array): Result<Snapshot, string> {
  if (bytes.length === 0) return err('the file is empty');
  try {
    const { crc, data } = decodeSnapshotFile(new Reader(bytes));
    if (data === null || data.length === 0 || crc === 0) return err('the file holds no snapshot');
    const computed = crc32c(0, data);
    if (computed !== crc)
      return err(`checksum mismatch: stored ${crc.toString(16)}, computed ${computed.toString(16)}`);
    return ok(decodeSnapshot(new Reader(data)));
  } catch (error) {
    if (error instanceof ProtoError) return err(error.message);
    throw error;
  }
}

async function readWhole(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafeSlow(await file.size());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}
