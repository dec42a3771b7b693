/** The text of a `.goreman` or `.foreman` file: settings of flags, as those two tools spell them. Pure; loaded only if there is such a file. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Problem } from '../supervisor/procfile/problem.ts';
import { suggest } from './suggest.ts';
import type { Options } from './syntax.ts';
import { syntax } from './syntax.ts';

type FlagName = keyof Options & string;

/** One setting of the file, its value checked. */
export interface FileSetting {
  readonly flag: FlagName;
  readonly value: unknown;
  /** As it stands in the file. */
  readonly text: string;
  readonly file: string;
  readonly line: number;
}

export interface SettingsFile {
  readonly settings: readonly FileSetting[];
  readonly problems: readonly Problem[];
}

/** The keys of each file, and the flags that they set; null: nothing here has that meaning. */
const settingsFiles: Readonly<Record<string, Readonly<Record<string, FlagName | null>>>> = {
  '.goreman': {
    procfile: 'procfile',
    port: 'rpc-port',
    basedir: 'basedir',
    baseport: 'base-port',
    exit_on_error: 'exit-on-error',
    envfiles: 'env',
    args: null,
  },
  '.foreman': {
    procfile: 'procfile',
    root: 'basedir',
    color: 'color',
    env: 'env',
    formation: 'formation',
    port: 'base-port',
    timeout: 'grace',
    timestamp: 'timestamps',
    app: 'app',
    log: 'log',
    user: 'user',
    run: null,
    template: null,
  },
};

/** Never throws on user input. */
export function parseSettings(file: string, text: string): SettingsFile {
  const keys = settingsFiles[file] ?? {};
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: Problem[] = [];
  const settings: FileSetting[] = [];
  const report = (offset: number, severity: Problem['severity'], message: string) => {
    const { line, col } = lines.linePos(offset);
    problems.push({ file, line, column: col, severity, code: 'settings', message });
  };
  for (const error of document.errors) report(error.pos[0], 'error', error.message);
  const { contents } = document;
  if (document.errors.length > 0 || contents === null) return { settings, problems };
  if (isScalar(contents) && contents.value === null) return { settings, problems };
  if (!isMap(contents)) {
    report(contents.range?.[0] ?? 0, 'error', 'expected lines such as `procfile: Procfile.dev`');
    return { settings, problems };
  }
  for (const { key, value } of contents.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const at = (isScalar(key) ? key.range?.[0] : undefined) ?? 0;
    const flag = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (flag === undefined) {
      const near = suggest(name, Object.keys(keys));
      report(at, 'warning', `unknown setting ${name} is ignored${near === null ? '' : `: did you mean ${near}?`}`);
      continue;
    }
    if (flag === null) {
      report(at, 'warning', `${name} has no effect here`);
      continue;
    }
    const given = textOf(value);
    // The value before matters only to flags that add to it, and none of these does.
    const parsed = given === null ? null : syntax.flags[flag].parse(given, undefined as never);
    const offset = (isScalar(value) || isSeq(value) ? value.range?.[0] : undefined) ?? at;
    if (given === null || parsed === null) report(offset, 'error', `${name}: expected one value`);
    else if (!parsed.ok) report(offset, 'error', `${name}: ${parsed.error}`);
    else settings.push({ flag, value: parsed.value, text: given, file, line: lines.linePos(at).line });
  }
  return { settings, problems };
}

/** What a flag would be given: a list is what its words are with commas between. */
function textOf(value: unknown): string | null {
  if (isScalar(value)) return value.value === null ? null : String(value.value);
  if (!isSeq(value) || !value.items.every((item) => isScalar(item))) return null;
  return value.items.map((item) => (isScalar(item) ? String(item.value) : '')).join(',');
}
