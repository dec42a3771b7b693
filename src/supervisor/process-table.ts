/** All processes of this machine as `ps` shows them: how to look beyond a process group where there is no /proc. */
import { execFile } from 'node:child_process';

export interface ListedProcess {
  readonly pid: number;
  readonly groupId: number;
  readonly zombie: boolean;
  /** To the second, in the words of ps; tells a process from a later one of the same id. */
  readonly startedAt: string;
  /** Its command line, and behind that its environment, as far as the system shows it. */
  readonly text: string;
}

const columns = ['pid', 'pgid', 'stat', 'lstart', 'command'].flatMap((column) => ['-o', `${column}=`]);
/** Thousands of processes with their environments. */
const outputBytesMax = 256 * 1024 * 1024;
/** A ps that takes longer is stuck. */
const patienceMs = 5_000;

/** Rejects if there is no ps that understands this. */
export function processTable(): Promise<readonly ListedProcess[]> {
  // All processes, with their environment, in lines of any width.
  const all = process.platform === 'darwin' ? '-axEww' : process.platform === 'linux' ? 'axeww' : '-axeww';
  const env = { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
  return new Promise((resolve, reject) => {
    execFile(
      'ps',
      [all, ...columns],
      { env, maxBuffer: outputBytesMax, encoding: 'latin1', timeout: patienceMs, killSignal: 'SIGKILL' },
      (error, text) => {
        if (error === null) resolve(parseProcessTable(text));
        else reject(error);
      },
    );
  });
}

const row = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]+\s+\d{4})\s+(.*)$/;

/** Pure. */
export function parseProcessTable(text: string): ListedProcess[] {
  return text.split('\n').flatMap((line) => {
    const [, pid, groupId, state = '', startedAt = '', rest = ''] = row.exec(line) ?? [];
    if (pid === undefined) return [];
    return [
      {
        pid: Number(pid),
        groupId: Number(groupId),
        zombie: state.startsWith('Z'),
        startedAt: startedAt.replace(/\s+/g, ' '),
        text: rest,
      },
    ];
  });
}
