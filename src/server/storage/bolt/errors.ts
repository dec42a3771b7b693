/** The errors of a database that are not the operating system's. */

/**
 * The file holds what no crash explains. Its content must not be served; the message names the file, the page and what was found
 * there.
 */
export class CorruptDatabaseError extends Error {
  override readonly name = 'CorruptDatabaseError';
  readonly path: string;
  /** The page's id, or null if the fault is not one page's. */
  readonly page: number | null;

  constructor(path: string, page: number | null, found: string) {
    super(`database ${path} is corrupt: ${page === null ? '' : `page ${page}: `}${found}`);
    this.path = path;
    this.page = page;
  }
}

/** What the caller asked for contradicts what the database is or holds. */
export class BoltUsageError extends Error {
  override readonly name = 'BoltUsageError';
}
