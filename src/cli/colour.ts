/** Whether standard output gets colours, and what is kept from it. */
import { isatty } from 'node:tty';
import type { ColourChoice } from './syntax.ts';

/** What is shown on a terminal is contained, with colours or without. */
export function wantedLook(choice: ColourChoice): { readonly colour: boolean; readonly contained: boolean } {
  const colour = wantsColour(choice);
  return { colour, contained: colour || isatty(1) };
}

/** The flag, then FORCE_COLOR and NO_COLOR as Node ranks them, then whether a terminal shows the output. */
export function wantsColour(choice: ColourChoice): boolean {
  if (choice !== 'auto') return choice === 'always';
  const forced = process.env['FORCE_COLOR'] ?? '';
  if (forced !== '') return forced !== '0' && forced !== 'false';
  if ((process.env['NO_COLOR'] ?? '') !== '') return false;
  return isatty(1) && process.env['TERM'] !== 'dumb';
}
