/** Small files that other processes may remove at any moment: one that is not there is empty, and is removed already. */
import { readFileSync, unlinkSync } from 'node:fs';

/** Empty too if it cannot be read. */
export function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

export function removeIfThere(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Somebody else was quicker.
  }
}
