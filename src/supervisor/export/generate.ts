/** The files that make another init system run an application; or why that one cannot. Pure. */
import type { Result } from '../../base/result.ts';
import { err, ok } from '../../base/result.ts';
import type { Application, ExportFile } from './application.ts';
import { fileSafe } from './application.ts';
import { launchd } from './launchd.ts';
import { supervisord } from './supervisord.ts';
import { systemd } from './systemd.ts';
import { upstart } from './upstart.ts';

export const exportFormats = ['systemd', 'upstart', 'supervisord', 'launchd'] as const;

export type ExportFormat = (typeof exportFormats)[number];

interface Exporter {
  files(app: Application): readonly ExportFile[];
  /** A character that a command or a value cannot have in this format, whatever the quotes. */
  readonly impossible: RegExp;
}

// biome-ignore-start lint/suspicious/noControlCharactersInRegex: finding them is the point.
const lineBased = /[\0-\x08\n-\x1f\x7f]/;

const exporters: Readonly<Record<ExportFormat, Exporter>> = {
  systemd: { files: systemd, impossible: /[\0-\x08\v-\x1f\x7f]/ },
  upstart: { files: upstart, impossible: lineBased },
  supervisord: { files: supervisord, impossible: lineBased },
  // XML 1.0 §2.2.
  launchd: { files: launchd, impossible: /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/ },
};
const control = /[\0-\x1f\x7f]/;
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: as above.

/** The files in the order to write them, or everything that cannot be said in this format. */
export function generate(format: ExportFormat, app: Application): Result<readonly ExportFile[], string[]> {
  const { files, impossible } = exporters[format];
  const errors = new Set<string>();
  for (const folder of new Set([app.log ?? '', ...app.units.map((unit) => unit.cwd)])) {
    if (control.test(folder)) errors.add(`${JSON.stringify(folder)}: a folder with a control character in its name`);
  }
  for (const { entry, command, env, stopSignal } of app.units) {
    if (format === 'launchd' && stopSignal !== 'SIGTERM') errors.add(`launchd stops with SIGTERM, never ${stopSignal}`);
    if (impossible.test(command)) errors.add(`${entry}: ${format} has no way to write ${found(impossible, command)}`);
    for (const [key, value] of Object.entries(env)) {
      if (!/^[A-Za-z_]\w*$/.test(key))
        errors.add(`${JSON.stringify(key)} is no name of a variable that ${format} takes`);
      if (impossible.test(value)) errors.add(`${key}: ${format} has no way to write ${found(impossible, value)}`);
    }
  }
  // In upstart an entry web-1 and the first instance of an entry web meet; characters that are not safe meet everywhere.
  const generated = files(app);
  const ids = app.units.map((unit) => `${fileSafe(unit.entry)}.${unit.instance}`);
  for (const name of repeated([...generated.map((file) => file.name), ...ids])) {
    errors.add(`two things would be called ${name}: rename an entry`);
  }
  return errors.size > 0 ? err([...errors]) : ok(generated);
}

/** What a format leaves out of what is said about the units, because it has no way to do it. */
export function leftOut(format: ExportFormat, { units }: Application): string[] {
  const left: string[] = [];
  const dependent = units.filter((unit) => unit.dependsOn.length > 0).map((unit) => unit.entry);
  if (dependent.length > 0 && format === 'launchd') {
    left.push(`launchd starts all at once: ${[...new Set(dependent)].join(', ')} waits for nothing`);
  }
  if (dependent.length > 0 && format === 'supervisord') {
    left.push(`supervisord starts in order, but waits for nothing to be ready: ${[...new Set(dependent)].join(', ')}`);
  }
  return left;
}

function repeated(names: readonly string[]): string[] {
  return names.filter((name, at) => names.indexOf(name) !== at);
}

function found(pattern: RegExp, text: string): string {
  const character = pattern.exec(text)?.[0] ?? '';
  return character === '\n' ? 'a line break in a value' : `the character ${JSON.stringify(character)}`;
}
