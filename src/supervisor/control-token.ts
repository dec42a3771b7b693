/** The secret that the control over TCP asks for: any user of this machine can reach a port, only this one can read the file. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';

const tokenBytes = 32;

/** The token in the file, which is made, for this user alone, if it is missing. The error says what is wrong with it. */
export function readOrMakeToken(file: string): Result<string, string> {
  try {
    writeFileSync(file, `${randomBytes(tokenBytes).toString('hex')}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
      return err(`cannot write the token: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return readToken(file);
}

/** A file that others may read gives no token. */
export function readToken(file: string): Result<string, string> {
  try {
    if ((statSync(file).mode & 0o077) !== 0) return err(`${file} may be read by others: chmod 600 it`);
    const token = readFileSync(file, 'utf8').trim();
    return token === '' ? err(`${file} is empty: remove it, or write a token into it`) : ok(token);
  } catch (error) {
    return err(`cannot read the token: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** True if they are the same; takes as long whether they nearly are or not. */
export function isToken(given: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
