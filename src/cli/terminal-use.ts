/** Whether `start` may take the terminal for its dashboard. */
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { RunRequest } from './planned-specs.ts';

/** Only in the foreground of a terminal that can, with nobody but a person behind it; `--tui` and `--tui=false` have the last word. */
export function wantsDashboard({ options, given }: RunRequest): boolean {
  if (!options.tui || options.output !== 'text' || !isatty(0) || !isatty(1) || inBackground()) return false;
  const ci = process.env['CI'] ?? '';
  return given.has('tui') || ((ci === '' || ci === 'false' || ci === '0') && process.env['TERM'] !== 'dumb');
}

/** A job that a shell runs in the background is stopped when it touches the terminal's settings. */
function inBackground(): boolean {
  try {
    // After the name, in brackets: state, parent, group, session, terminal, and the terminal's foreground group.
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group !== foreground;
  } catch {
    return false; // no Linux: not known
  }
}
