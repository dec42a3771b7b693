/** upstart: a job for each instance, an abstract one for each entry, and one for the application (init(5) of upstart). Pure. */
import type { Application, ExportFile, Unit } from './application.ts';
import { fileSafe, graceSeconds, signature } from './application.ts';

export function upstart(app: Application): readonly ExportFile[] {
  const header = `# ${signature('upstart', app.name)}`;
  const entries = [...new Set(app.units.map((unit) => unit.entry))];
  const follow = (parent: string) => [`start on starting ${parent}`, `stop on stopping ${parent}`];
  return [
    file(app.name, [header, 'start on runlevel [2345]', 'stop on runlevel [!2345]']),
    ...entries.flatMap((entry) => {
      const parent = `${app.name}-${fileSafe(entry)}`;
      const instances = app.units.filter((unit) => unit.entry === entry);
      return [
        file(parent, [header, ...follow(app.name)]),
        ...instances.map((unit) => file(`${parent}-${unit.instance}`, [header, ...follow(parent), ...job(app, unit)])),
      ];
    }),
  ];
}

function job(app: Application, unit: Unit): string[] {
  const all = Object.entries(unit.env);
  const plain = all.filter(([, value]) => isPlain(value));
  const others = all.filter(([, value]) => !isPlain(value)).map(([key, value]) => `${word(`${key}=${value}`)} `);
  const log = app.log === null ? '' : ` >>${word(`${app.log}/${fileSafe(unit.entry)}-${unit.instance}.log`)} 2>&1`;
  return [
    'respawn',
    `kill signal ${app.stopSignal.slice('SIG'.length)}`,
    `kill timeout ${graceSeconds(app)}`,
    '',
    ...plain.map(([key, value]) => `env ${key}=${value}`),
    '',
    ...(app.user === null ? [] : [`setuid ${app.user}`]),
    `chdir ${isPlain(app.cwd) ? app.cwd : word(app.cwd)}`,
    '',
    `exec ${others.length === 0 ? '' : `/usr/bin/env ${others.join('')}`}/bin/sh -c ${word(unit.command)}${log}`,
  ];
}

/** A stanza takes it as it is, without quotes. */
function isPlain(text: string): boolean {
  return /^[\w/.:,@+=-]+$/.test(text);
}

/** Both upstart, which looks for the end of the line, and the shell that it hands the line to read this the same way. */
function word(text: string): string {
  return `"${text.replace(/[\\"$`]/g, '\\$&')}"`;
}

function file(job: string, lines: readonly string[]): ExportFile {
  return { name: `${job}.conf`, text: `${lines.join('\n')}\n` };
}
