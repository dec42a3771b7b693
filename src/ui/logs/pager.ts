/** Shows text in the user's pager, which has the terminal meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { deafToInterrupts } from './interrupts.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What shows a text that begins with that line, from 0; `less` is told to go there, other pagers begin at the top. */
export function pagerCommand(environment: Environment, line: number): string {
  const pager = (environment['PAGER'] ?? '').trim() || 'less';
  return /^(?:\S*\/)?less(?:\s|$)/.test(pager) ? `${pager} -R +${line + 1}g` : pager;
}

/**
 * Writes `pieces` to the pager as it takes them, until it ends. Resolves to what went wrong, or null; ending before it has read all is
 * not wrong.
 */
export function runPager(command: string, pieces: Iterable<string>, environment: Environment): Promise<string | null> {
  return deafToInterrupts(() => feed(command, pieces, environment));
}

async function feed(command: string, pieces: Iterable<string>, environment: Environment): Promise<string | null> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'inherit', 'inherit'], env: { ...environment } });
  let hasEnded = false;
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(`cannot run ${command}: ${error.message}`));
    child.once('close', (code) => resolve(code === 127 ? `cannot run ${command}: PAGER names another pager` : null));
  }).then((problem) => {
    hasEnded = true;
    return problem;
  });
  child.stdin.on('error', () => {}); // the user has seen enough
  for (const piece of pieces) {
    if (hasEnded || child.stdin.destroyed) break;
    if (!child.stdin.write(piece)) await Promise.race([once(child.stdin, 'drain').catch(() => {}), ended]);
    else await setImmediate();
  }
  child.stdin.end();
  return await ended;
}
