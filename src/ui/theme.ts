/**
 * What parts of the screen look like. Everything that is drawn names a style; a theme turns it into escape sequences. No style says
 * anything that the text itself does not say: the theme `mono` has no colours. Pure.
 */

/** `process-0` to `process-5`: the colours of processes, by `colourIndex` modulo 6. */
export type StyleName =
  | 'text'
  | 'dim'
  | 'title'
  | 'border'
  /** The border of the pane that has the focus, and what keys there are. */
  | 'accent'
  | 'good'
  | 'warn'
  | 'bad'
  | 'leader'
  | 'fault'
  | 'selected'
  | 'match'
  | 'current-match'
  | 'bar'
  /** A key in the bar. */
  | 'bar-key'
  | 'process-0'
  | 'process-1'
  | 'process-2'
  | 'process-3'
  | 'process-4'
  | 'process-5';

export type ThemeName = 'dark' | 'light' | 'colour-blind' | 'mono';

export interface Theme {
  readonly name: ThemeName;
  /** `text` in a style, which ends with it. */
  paint(style: StyleName, text: string): string;
}

export const themeNames: readonly ThemeName[] = ['dark', 'light', 'colour-blind', 'mono'];

/** SGR parameters; empty: as the terminal has it. */
type Palette = Readonly<Record<StyleName, string>>;

const dark: Palette = {
  text: '',
  dim: '38;5;245',
  title: '1',
  border: '38;5;240',
  accent: '38;5;81',
  good: '38;5;114',
  warn: '38;5;221',
  bad: '1;38;5;203',
  leader: '1;38;5;221',
  fault: '38;5;209',
  selected: '48;5;237',
  match: '30;48;5;222',
  'current-match': '1;30;48;5;208',
  bar: '38;5;252;48;5;236',
  'bar-key': '1;38;5;81;48;5;236',
  'process-0': '38;5;114',
  'process-1': '38;5;80',
  'process-2': '38;5;176',
  'process-3': '38;5;185',
  'process-4': '38;5;75',
  'process-5': '38;5;210',
};

const light: Palette = {
  ...dark,
  dim: '38;5;243',
  border: '38;5;248',
  accent: '38;5;25',
  good: '38;5;28',
  warn: '38;5;130',
  bad: '1;38;5;160',
  leader: '1;38;5;130',
  fault: '38;5;166',
  selected: '48;5;253',
  match: '30;48;5;222',
  bar: '38;5;236;48;5;254',
  'bar-key': '1;38;5;25;48;5;254',
  'process-0': '38;5;28',
  'process-1': '38;5;30',
  'process-2': '38;5;90',
  'process-3': '38;5;94',
  'process-4': '38;5;25',
  'process-5': '38;5;124',
};

/** After Okabe and Ito, in the nearest of 256 colours: told apart with any of the common colour-vision deficiencies. */
const colourBlind: Palette = {
  ...dark,
  accent: '38;5;74',
  'bar-key': '1;38;5;74;48;5;236',
  good: '38;5;74',
  warn: '38;5;227',
  bad: '1;38;5;166',
  leader: '1;38;5;227',
  fault: '38;5;214',
  'process-0': '38;5;74',
  'process-1': '38;5;214',
  'process-2': '38;5;36',
  'process-3': '38;5;227',
  'process-4': '38;5;175',
  'process-5': '38;5;166',
};

const mono: Palette = {
  text: '',
  dim: '',
  title: '1',
  border: '',
  accent: '1',
  good: '',
  warn: '1',
  bad: '1;4',
  leader: '1',
  fault: '1',
  selected: '7',
  match: '7',
  'current-match': '1;4;7',
  bar: '7',
  'bar-key': '1;7',
  'process-0': '',
  'process-1': '',
  'process-2': '',
  'process-3': '',
  'process-4': '',
  'process-5': '',
};

const palettes: Readonly<Record<ThemeName, Palette>> = { dark, light, 'colour-blind': colourBlind, mono };

export function themeOf(name: ThemeName): Theme {
  const palette = palettes[name];
  return {
    name,
    paint: (style, text) => (palette[style] === '' || text === '' ? text : `\x1b[${palette[style]}m${text}\x1b[0m`),
  };
}

/** The style of a process's name. */
export function processStyle(colourIndex: number): StyleName {
  return (
    (['process-0', 'process-1', 'process-2', 'process-3', 'process-4', 'process-5'] as const)[colourIndex % 6] ?? 'text'
  );
}
