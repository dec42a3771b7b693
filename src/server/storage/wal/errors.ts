/** What can be wrong with a WAL on disk, as its caller sees it. Every message names the file and what was found there. */

export type WalError =
  /** There is no WAL, or none that reaches back to the wanted index. */
  | { readonly type: 'notFound'; readonly message: string }
  /** The operating system refused: permissions, I/O errors. */
  | { readonly type: 'unreadable'; readonly message: string; readonly cause: unknown }
  /** Bytes that no crash explains. Nothing of the log may be served. */
  | { readonly type: 'corrupt'; readonly message: string; readonly file: string; readonly offset: number }
  /** The log is sound but holds no record of the snapshot that reading should start from. */
  | { readonly type: 'snapshotNotFound'; readonly message: string };

export function corrupt(file: string, offset: number, found: string): WalError {
  return { type: 'corrupt', message: `WAL is corrupt: ${file} at byte ${offset}: ${found}`, file, offset };
}

export function unreadable(path: string, cause: unknown): WalError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return { type: 'unreadable', message: `cannot open the WAL in ${path}: ${reason}`, cause };
}
