/** What Go programs say for operating-system errors, where Node has only the code. */

const texts: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAGAIN: 'resource temporarily unavailable',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file exists',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENETUNREACH: 'network is unreachable',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'connection timed out',
};

/** The text of Go's syscall.Errno for an error that Node threw; the error's own message if it carries no known code. */
export function errnoText(error: unknown): string {
  const code = errnoCode(error);
  const text = code === null ? undefined : texts[code];
  return text ?? (error instanceof Error ? error.message : String(error));
}

/** The code, such as ENOENT, of an error that Node threw; null if it has none. */
export function errnoCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/** Go's fs.PathError ("mkdir /data: permission denied") for an error of node:fs that names its system call and path; else `errnoText`. */
export function pathErrorText(error: unknown): string {
  if (!(error instanceof Error) || !('syscall' in error) || !('path' in error)) return errnoText(error);
  return `${String(error.syscall)} ${String(error.path)}: ${errnoText(error)}`;
}
