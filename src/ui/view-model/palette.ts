/** The palette: everything that can be done, found by some letters of it. Pure. */
import type { Observation } from '../../supervisor/observe/model.ts';
import type { Binding } from '../input/bindings.ts';
import { screenBindings } from '../input/bindings.ts';
import type { Keymap } from '../input/keymap.ts';
import { keyText } from '../input/keymap.ts';
import { commandText } from '../source.ts';
import type { Choice } from './actions.ts';
import { allChoices } from './actions.ts';
import { fuzzyFilter } from './fuzzy.ts';

export type PaletteItem =
  | { readonly type: 'choice'; readonly label: string; readonly hint: string; readonly choice: Choice }
  | { readonly type: 'binding'; readonly label: string; readonly hint: string; readonly binding: Binding };

/** What is offered beside actions on the run. */
const offered: readonly Binding[] = [
  'overview',
  'leadership',
  'links',
  'logs',
  'zoom',
  'closer',
  'wider',
  'live',
  'first',
  'copy',
  'theme',
  'help',
  'redraw',
  'suspend',
  'quit',
];

/** Those that match, the best first. */
export function paletteItems(query: string, observation: Observation, keymap: Keymap): readonly PaletteItem[] {
  const choices = allChoices(observation).map((choice): PaletteItem => {
    return { type: 'choice', label: choice.label, hint: commandText(choice.action), choice };
  });
  const bindings = offered.map((binding): PaletteItem => {
    return {
      type: 'binding',
      label: screenBindings[binding].help,
      hint: keymap.keysOf(binding).map(keyText).join(' '),
      binding,
    };
  });
  return fuzzyFilter(query, [...choices, ...bindings], (item) => `${item.label} ${item.hint}`);
}
