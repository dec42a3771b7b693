/**
 * Draws a React tree of Ink components into rows of text instead of onto a terminal. Each part of the screen has a surface of its own, so
 * that what has not changed is not laid out again.
 */
import { EventEmitter } from 'node:events';
import type { Instance } from 'ink';
import { render } from 'ink';
import type { ReactNode } from 'react';
import { CanvasProvider } from './components/canvas-context.ts';
import { PaintedLines } from './components/painted-lines.ts';
import type { Theme } from './theme.ts';

/** What Ink takes for its standard output: it keeps the last frame. */
class Capture extends EventEmitter {
  columns = 1;
  rows = 1;
  frame = '';

  write(text: string): boolean {
    this.frame = text;
    return true;
  }
}

export class Surface {
  readonly #capture = new Capture();
  #instance: Instance | null = null;
  #key = '';
  #rows: readonly string[] = [];

  /**
   * The rows of `node`, which depends on nothing but what `key` names: with the same key as the last time nothing is drawn. Trailing blanks
   * may be missing.
   */
  draw(key: string, node: () => ReactNode, width: number, height: number, theme: Theme): readonly string[] {
    const full = `${width},${height},${theme.name},${key}`;
    if (full === this.#key) return this.#rows;
    this.#key = full;
    this.#capture.columns = width;
    this.#capture.rows = height;
    // A new one each time: so everything that uses it is drawn again and marks its lines.
    const lines = new PaintedLines();
    const tree = <CanvasProvider value={{ theme, lines }}>{node()}</CanvasProvider>;
    if (this.#instance !== null) this.#instance.rerender(tree);
    else this.#instance = render(tree, inkOptions(this.#capture));
    this.#rows = this.#capture.frame
      .split('\n')
      .slice(0, height)
      .map((row) => lines.fill(row));
    return this.#rows;
  }

  close(): void {
    this.#instance?.unmount();
    this.#instance = null;
  }
}

/** `debug` makes Ink draw at once and whole, without cursor movements. */
function inkOptions(capture: Capture): NonNullable<Parameters<typeof render>[1]> {
  // Of a stream Ink uses what Capture has; of the input nothing, because keys are read elsewhere.
  const stream = capture as unknown as NodeJS.WriteStream;
  const input = new EventEmitter() as unknown as NodeJS.ReadStream;
  return { stdout: stream, stderr: stream, stdin: input, debug: true, exitOnCtrlC: false, patchConsole: false };
}
