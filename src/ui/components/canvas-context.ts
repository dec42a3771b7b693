/** What everything that is drawn below a provider needs: the theme, and a place for the lines that are painted in it. */
import { createContext, useContext } from 'react';
import type { Theme } from '../theme.ts';
import { themeOf } from '../theme.ts';
import { PaintedLines } from './painted-lines.ts';

export interface Canvas {
  readonly theme: Theme;
  readonly lines: PaintedLines;
}

const context = createContext<Canvas>({ theme: themeOf('mono'), lines: new PaintedLines() });

export const CanvasProvider = context.Provider;

export function useCanvas(): Canvas {
  return useContext(context);
}
