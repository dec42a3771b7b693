/** What a user does at the terminal, parsed. Pure. */

/**
 * A key as one word: the character it types (`a`, `A`, `/`, `é`), or a name (`enter`, `escape`, `tab`, `backspace`, `delete`, `insert`,
 * `up`, `down`, `left`, `right`, `home`, `end`, `page-up`, `page-down`, `space`, `f1` to `f12`), with `ctrl-`, `alt-` and `shift-` before it in
 * this order: `ctrl-c`, `shift-tab`, `alt-enter`. Shift of a character is the character it makes.
 */
export interface KeyEvent {
  readonly type: 'key';
  readonly key: string;
  /** What it types into a text field; empty for keys that type nothing. */
  readonly text: string;
}

export interface MouseEvent {
  readonly type: 'mouse';
  readonly action: 'press' | 'release' | 'drag' | 'wheel-up' | 'wheel-down';
  readonly button: 'left' | 'middle' | 'right' | 'none';
  /** From 0, of the screen, or of the pane that it is handed to. */
  readonly row: number;
  readonly column: number;
}

/** Bracketed paste: text that no key bindings may see. */
export interface PasteEvent {
  readonly type: 'paste';
  readonly text: string;
}

export type InputEvent = KeyEvent | MouseEvent | PasteEvent;
