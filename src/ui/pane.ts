/**
 * A part of the screen that draws itself as rows of text, apart from React: what changes with every line of a flood must not be laid out
 * by it. The dashboard gives it a rectangle, hands it keys while it has the focus, and asks it a few times a second whether it has changed.
 */
import type { KeyEvent, MouseEvent } from './input/event.ts';
import type { Theme } from './theme.ts';

export interface Pane {
  /**
   * `height` rows at most, each of `width` columns at most, with SGR sequences only, reset at the end of the row. Called after `tick` said
   * true, after input, and when the size or the theme is another. Both sizes are at least 1.
   */
  rows(width: number, height: number, theme: Theme): readonly string[];
  /** For the border of the pane, asked for after the rows, `width` columns at most: what is shown, filters, n/N of the search, "12 new lines". */
  status(width: number, theme: Theme): string;
  /** All keys but Ctrl-C go to it now, because a text is being typed. */
  readonly typing: boolean;
  /**
   * A key while it has the focus, before the dashboard looks at it; those that do the same everywhere do
   * not come unless it is `typing`. False if it has no use for it: then it is the dashboard's.
   */
  key(event: KeyEvent): boolean;
  /** Row and column are the pane's own, from 0. False if it has no use for it. */
  mouse(event: MouseEvent): boolean;
  /** Pasted text; false if nothing is being typed. */
  paste(text: string): boolean;
  /** Takes in what has come; true if rows or status would look different now. Called at most some times a second. */
  tick(): boolean;
  close(): void;
}

/** What a pane can ask of the dashboard around it. */
export interface PaneHost {
  /** Rows or status are others now, outside of a tick: paints soon. */
  changed(): void;
  /** To the user's clipboard, by OSC 52. */
  copy(text: string): void;
  /** A line about something that happened, shown for a few seconds. */
  say(text: string): void;
  /**
   * Leaves the screen to another program until it ends: `run` is called with the terminal as it was before the dashboard, and the dashboard
   * is back when its promise is settled.
   */
  handOver(run: () => Promise<void>): Promise<void>;
}
