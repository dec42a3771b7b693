/** upstart: a job for each instance, an abstract one for each entry, and one for the application (init(5) of upstart). Pure. */
import type { Application, ExportFile, Unit } from './application.ts';
import { fileSafe, graceSeconds, restartsWhen, signature, wholeSeconds } from './application.ts';

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
        ...instances.map((unit) => file(`${parent}-${unit.instance}`, [header, ...when(app, unit), ...job(app, unit)])),
      ];
    }),
  ];
}

function jobName(app: Application, { entry, instance }: Pick<Unit, 'entry' | 'instance'>): string {
  return `${app.name}-${fileSafe(entry)}-${instance}`;
}

/** With its entry; or when all that it depends on runs, or has done what it does once. */
function when(app: Application, unit: Unit): string[] {
  const parent = `${app.name}-${fileSafe(unit.entry)}`;
  const events = unit.dependsOn.map((one) =>
    one.finishes ? `stopped ${jobName(app, one)} RESULT=ok` : `started ${jobName(app, one)}`,
  );
  const start = events.length === 0 ? `starting ${parent}` : events.join(' and ');
  return [`start on ${events.length > 1 ? `(${start})` : start}`, `stop on stopping ${parent}`];
}

/** Its restarts, as far as upstart has words for them: without a delay. */
function respawn(unit: Unit): string[] {
  const restarts = restartsWhen(unit);
  if (restarts === 'no') return unit.finishes ? ['task'] : [];
  const { restart } = unit;
  return [
    ...(unit.finishes ? ['task'] : []),
    'respawn',
    ...(restart === null ? [] : [`respawn limit ${restart.maxRestarts} ${wholeSeconds(restart.windowMs)}`]),
    ...(restarts === 'on-failure' ? ['normal exit 0'] : []),
  ];
}

function job(app: Application, unit: Unit): string[] {
  const all = Object.entries(unit.env);
  const plain = all.filter(([, value]) => isPlain(value));
  const others = all.filter(([, value]) => !isPlain(value)).map(([key, value]) => `${word(`${key}=${value}`)} `);
  const log = app.log === null ? '' : ` >>${word(`${app.log}/${fileSafe(unit.entry)}-${unit.instance}.log`)} 2>&1`;
  return [
    ...respawn(unit),
    `kill signal ${unit.stopSignal.slice('SIG'.length)}`,
    `kill timeout ${graceSeconds(unit)}`,
    '',
    ...plain.map(([key, value]) => `env ${key}=${value}`),
    '',
    ...(app.user === null ? [] : [`setuid ${app.user}`]),
    `chdir ${isPlain(unit.cwd) ? unit.cwd : word(unit.cwd)}`,
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
