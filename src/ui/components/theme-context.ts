/** The theme for everything that is drawn below a provider. */
import { createContext, useContext } from 'react';
import type { Theme } from '../theme.ts';
import { themeOf } from '../theme.ts';

const context = createContext<Theme>(themeOf('mono'));

export const ThemeProvider = context.Provider;

export function useTheme(): Theme {
  return useContext(context);
}
