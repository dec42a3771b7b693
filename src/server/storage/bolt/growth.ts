/**
 * How the file grows, as bbolt's does. bbolt maps the file into memory in steps; a small file grows to the size of the map, a large
 * one by what is needed and 16 MiB more. There is no map here, but its size is kept, so that our files have the sizes of etcd's.
 */

const stepBytes = 16 * 1024 * 1024;
const mapBytesMin = 32 * 1024;
const mapStepBytes = 2 ** 30;

/** The size of bbolt's map for a file of `bytes`: doubled from 32 KiB up to 1 GiB, then in steps of 1 GiB. */
export function mapBytesFor(bytes: number): number {
  if (bytes > mapStepBytes) return Math.ceil(bytes / mapStepBytes) * mapStepBytes;
  let map = mapBytesMin;
  while (map < bytes) map *= 2;
  return map;
}

export interface FileSize {
  readonly fileBytes: number;
  readonly mapBytes: number;
}

/** The sizes that a commit needs whose pages end before `highWater`. */
export function grown(size: FileSize, highWater: number, pageSize: number): FileSize {
  const needed = (highWater + 1) * pageSize;
  const mapBytes = needed >= size.mapBytes ? mapBytesFor(Math.max(size.fileBytes, needed)) : size.mapBytes;
  if (needed <= size.fileBytes) return { fileBytes: size.fileBytes, mapBytes };
  return { fileBytes: mapBytes <= stepBytes ? mapBytes : needed + stepBytes, mapBytes };
}
