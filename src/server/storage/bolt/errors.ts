/** The errors of a database that are not the operating system's. */

/**
 * The file holds what no crash explains. Its content must not be served; the message names the file, the page and what was found
 * there.
 */
export class CorruptDatabaseError extends Error {
  override readonly name: string = 'CorruptDatabaseError';
  readonly path: string;
  /** The page's id, or null if the fault is not one page's. */
  readonly page: number | null;

  constructor(path: string, page: number | null, found: string) {
    super(`database ${path} is corrupt: ${page === null ? '' : `page ${page}: `}${found}`);
    this.path = path;
    this.page = page;
  }

  /** One that another thread has met. */
  static relayed(path: string, message: string): CorruptDatabaseError {
    const error = new CorruptDatabaseError(path, null, '');
    error.message = message;
    return error;
  }

  /** The same, if it helps with the bucket that the page was read for, as `printName` has it. */
  inBucket(_bucket: string): CorruptDatabaseError {
    return this;
  }
}

/** Whether that is what an error, or its cause, says; for programs into which this file may be bundled twice. */
export function isCorruption(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return /^(?:CorruptDatabase|PageChecksum)Error$/.test(error.name) || isCorruption(error.cause);
}

/** A page that differs from what was written, or read first, there. */
export interface ChangedPage {
  readonly path: string;
  readonly page: number;
  readonly pageSize: number;
  /** As far as its own header can be believed. */
  readonly kind: 'leaf' | 'branch' | 'page';
  /** The page that it continues, or itself. */
  readonly of: number;
  readonly expected: number;
  readonly found: number;
}

/** A page does not have the checksum that it was written with. */
export class PageChecksumError extends CorruptDatabaseError {
  override readonly name = 'PageChecksumError';
  readonly changed: ChangedPage;
  /** The first byte of the page in the file. */
  readonly offset: number;

  constructor(changed: ChangedPage, bucket: string | null = null) {
    super(changed.path, changed.page, textOf(changed, bucket));
    this.changed = changed;
    this.offset = changed.page * changed.pageSize;
  }

  override inBucket(bucket: string): PageChecksumError {
    return new PageChecksumError(this.changed, bucket);
  }
}

function textOf({ page, pageSize, kind, of, expected, found }: ChangedPage, bucket: string | null): string {
  const place = `the ${kind} at byte ${page * pageSize}`;
  const continued = of === page ? '' : `, a part of page ${of}`;
  const within = bucket === null ? '' : `, of ${bucket},`;
  const sums = `has the checksum ${hex(found)}, but was written with ${hex(expected)}`;
  return `${place}${continued}${within} ${sums}: the disk or the memory has changed it. ${whatToDo}`;
}

const whatToDo =
  'Remove the member from the cluster and add it again with an empty data directory, or restore a snapshot';

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

/** What the caller asked for contradicts what the database is or holds. */
export class BoltUsageError extends Error {
  override readonly name = 'BoltUsageError';
}
