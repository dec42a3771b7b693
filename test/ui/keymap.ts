/** The keys as they are unless the user says otherwise, and others. */
import type { Keymap, KeySettings } from '../../src/ui/input/keymap.ts';
import { keymapOf } from '../../src/ui/input/keymap.ts';

/** Throws where something is wrong with them. */
export function keymapWith(...files: readonly KeySettings[]): Keymap {
  const made = keymapOf(...files);
  if (!made.ok) throw new Error(made.error.map((one) => one.message).join('; '));
  return made.value;
}

export const keymap = keymapWith();
