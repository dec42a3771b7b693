/** How the user wants the dashboard: theme and keys, from clusterctl.yaml beside the Procfile and from the user's own configuration. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import type { DashboardWishes } from '../supervisor/config/settings.ts';
import { formatProblem } from '../supervisor/procfile/problem.ts';
import type { Keymap } from '../ui/input/keymap.ts';
import { keymapOf, keyProblems } from '../ui/input/keymap.ts';
import type { ThemeName } from '../ui/theme.ts';
import { wantsColour } from './colour.ts';
import type { Options } from './syntax.ts';

export interface DashboardSettings {
  readonly keymap: Keymap;
  readonly theme: ThemeName;
}

/** Of the user, for all runs. */
function userFile(): string {
  const given = process.env['XDG_CONFIG_HOME'] ?? '';
  return join(given === '' ? join(homedir(), '.config') : given, 'clusterctl', 'config.yaml');
}

/** What the run's file says goes over what the user's own says. The error is for the user, with the name of the file. */
export async function dashboardSettings(
  ofRun: DashboardWishes,
  options: Options,
): Promise<Result<DashboardSettings, string>> {
  const own = await readOwn();
  if (!own.ok) return own;
  const keymap = keymapOf(own.value.keys, ofRun.keys);
  // Each file is right by itself: only together they can leave something without a key.
  if (!keymap.ok) return err(keymap.error.map(({ message, hint = '' }) => `keys: ${message}: ${hint}`).join('\n'));
  const theme = wantsColour(options.color) ? (ofRun.theme ?? own.value.theme ?? terminalTheme()) : 'mono';
  return ok({ keymap: keymap.value, theme });
}

async function readOwn(): Promise<Result<DashboardWishes, string>> {
  const file = userFile();
  if (!existsSync(file)) return ok({ keys: {}, theme: null });
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return err(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { parseDashboardWishes } = await import('../supervisor/config/parse.ts');
  const { wishes, problems } = parseDashboardWishes(file, text, keyProblems);
  return problems.length > 0 ? err(problems.map(formatProblem).join('\n')) : ok(wishes);
}

/** COLORFGBG, where a terminal sets it, ends with the number of its background colour: 7 and 15 are light. */
function terminalTheme(): ThemeName {
  return /;(?:7|15)$/.test(process.env['COLORFGBG'] ?? '') ? 'light' : 'dark';
}
