/** Tables of commands: columns as wide as their longest cell, two blanks apart. Pure. */
import { displayWidth } from '../supervisor/display-width.ts';

/** One line for each row; all have as many cells as the first. */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? '')))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - displayWidth(cell)))
      .join('  ')
      .trimEnd(),
  );
}
