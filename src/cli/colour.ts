/** Whether standard output gets colours. */
import { isatty } from 'node:tty';
import type { ColourChoice } from './syntax.ts';

/** The flag, then FORCE_COLOR and NO_COLOR as Node ranks them, then whether a terminal shows the output. */
export function wantsColour(choice: ColourChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  const forced = process.env['FORCE_COLOR'] ?? '';
  if (forced !== '') return forced !== '0' && forced !== 'false';
  if ((process.env['NO_COLOR'] ?? '') !== '') return false;
  return isatty(1) && process.env['TERM'] !== 'dumb';
}
