/** supervisord: one file with a program for each instance and a group of all of them. Pure. */
import type { Application, ExportFile, Unit } from './application.ts';
import { fileSafe, graceSeconds, logFolder, restartsWhen, signature } from './application.ts';

export function supervisord(app: Application): readonly ExportFile[] {
  const programs = app.units.map((unit) => program(app, unit, depthOf(unit, app.units)));
  const group = ['', `[group:${app.name}]`, `programs=${app.units.map((unit) => programName(app, unit)).join(',')}`];
  const text = [`; ${signature('supervisord', app.name)}`, ...programs.flat(), ...group];
  return [{ name: `${app.name}.conf`, text: `${text.join('\n')}\n` }];
}

/** What has the lower number starts first. */
const defaultPriority = 999;
const autorestart = { no: 'false', 'on-failure': 'unexpected', always: 'true' } as const;

/** How many others, one after the other, start before it. There are no circles: that is a problem of the file. */
function depthOf(unit: Unit, units: readonly Unit[]): number {
  const before = units.filter((one) =>
    unit.dependsOn.some(({ entry, instance }) => entry === one.entry && instance === one.instance),
  );
  return before.length === 0 ? 0 : 1 + Math.max(...before.map((one) => depthOf(one, units)));
}

function program(app: Application, unit: Unit, depth: number): string[] {
  const all = Object.entries(unit.env);
  const plain = all.filter(([, value]) => isPlain(value));
  const others = all.filter(([, value]) => !isPlain(value)).map(([key, value]) => `${word(`${key}=${value}`)} `);
  const log = `${percent(logFolder(app))}/${fileSafe(unit.entry)}-${unit.instance}`;
  const seconds = graceSeconds(unit);
  return [
    '',
    `[program:${programName(app, unit)}]`,
    `command=${others.length === 0 ? '' : `/usr/bin/env ${others.join('')}`}/bin/sh -c ${word(unit.command)}`,
    'autostart=true',
    `autorestart=${autorestart[restartsWhen(unit)]}`,
    ...(unit.restart === null ? [] : ['exitcodes=0', `startretries=${unit.restart.maxRestarts}`]),
    ...(unit.finishes ? ['startsecs=0'] : []),
    ...(depth === 0 ? [] : [`priority=${defaultPriority + depth}`]),
    `stopsignal=${unit.stopSignal.slice('SIG'.length)}`,
    `stopwaitsecs=${seconds}`,
    // The shell alone would end at once, and leave its children behind.
    'stopasgroup=true',
    'killasgroup=true',
    `stdout_logfile=${log}.log`,
    `stderr_logfile=${log}.error.log`,
    ...(app.user === null ? [] : [`user=${app.user}`]),
    `directory=${percent(unit.cwd)}`,
    ...(plain.length === 0
      ? []
      : [`environment=${plain.map(([key, value]) => `${key}="${percent(value)}"`).join(',')}`]),
  ];
}

function programName(app: Application, unit: Unit): string {
  return `${app.name}-${fileSafe(unit.entry)}-${unit.instance}`;
}

/** The list `environment` has no escapes, strips every quote from both ends of a value, and ends at a comment. */
function isPlain(value: string): boolean {
  return !/["\\]|^'|'$|\s[;#]/.test(value);
}

/**
 * One word of `command`, which Python's shlex splits: inside double quotes only `\` and `"` need an escape. A `;` or `#` after
 * a blank would begin a comment, for which there is no escape; closing and opening the quotes moves it away from the blank.
 */
function word(text: string): string {
  const escaped = text.replace(/[\\"]/g, '\\$&').replace(/(\s)(?=[;#])/g, '$1""');
  return `"${percent(escaped)}"`;
}

function percent(text: string): string {
  return text.replaceAll('%', '%%');
}
