/** systemd: a service for each instance and one target for all of them (systemd.service(5), systemd.syntax(7)). Pure. */
import type { Application, ExportFile, Unit } from './application.ts';
import { fileSafe, graceSeconds, restartsWhen, signature } from './application.ts';

/** Longer than systemd's limit of 5 starts in 10 seconds allows to be reached: a crash loop goes on, slowly. */
const restartSeconds = 3;

export function systemd(app: Application): readonly ExportFile[] {
  const target = `${app.name}.target`;
  const services = app.units.map((unit) => ({
    name: `${unitName(app, unit)}.service`,
    text: service(app, unit, target),
  }));
  return [...services, { name: target, text: targetUnit(app, services) }];
}

function service(app: Application, unit: Unit, target: string): string {
  const name = unitName(app, unit);
  const log = app.log === null ? 'journal' : `append:${percent(app.log)}/${name}.log`;
  return lines([
    `# ${signature('systemd', app.name)}`,
    '[Unit]',
    `Description=${app.name} ${fileSafe(unit.entry)}.${unit.instance}`,
    `PartOf=${target}`,
    'StopWhenUnneeded=yes',
    'After=network.target',
    ...unit.dependsOn.flatMap((one) => {
      const needed = `${unitName(app, one)}.service`;
      // What has failed to finish keeps this from starting; what runs may fail later without a word.
      return [`${one.finishes ? 'Requires' : 'Wants'}=${needed}`, `After=${needed}`];
    }),
    ...(unit.restart === null || unit.restart.when === 'no'
      ? []
      : [
          `StartLimitIntervalSec=${unit.restart.windowMs}ms`,
          `StartLimitBurst=${unit.restart.maxRestarts + 1}`, // the first start counts
        ]),
    '',
    '[Service]',
    // Others that come after it wait for its end then.
    ...(unit.finishes ? ['Type=oneshot', 'RemainAfterExit=yes'] : []),
    ...(app.user === null ? [] : [`User=${app.user}`]),
    `WorkingDirectory=${percent(unit.cwd)}`,
    ...Object.entries(unit.env).map(([key, value]) => `Environment=${quoted(`${key}=${value}`)}`),
    // The one place where `$` means something to systemd.
    `ExecStart=/bin/sh -c ${quoted(unit.command).replaceAll('$', '$$$$')}`,
    `Restart=${restartsWhen(unit)}`,
    `RestartSec=${unit.restart === null ? `${restartSeconds}s` : `${unit.restart.initialMs}ms`}`,
    'StandardInput=null',
    `StandardOutput=${log}`,
    `StandardError=${log}`,
    `SyslogIdentifier=${name}`,
    'KillMode=control-group',
    `KillSignal=${unit.stopSignal}`,
    `TimeoutStopSec=${graceSeconds(unit)}s`,
  ]);
}

function targetUnit(app: Application, services: readonly ExportFile[]): string {
  return lines([
    `# ${signature('systemd', app.name)}`,
    '[Unit]',
    `Description=${app.name}`,
    ...services.map((one) => `Wants=${one.name}`),
    '',
    '[Install]',
    // A service manager without users of its own is a user's, which has no multi-user.target.
    `WantedBy=${app.user === null ? 'default' : 'multi-user'}.target`,
  ]);
}

function unitName(app: Application, unit: Pick<Unit, 'entry' | 'instance'>): string {
  return `${app.name}-${fileSafe(unit.entry)}.${unit.instance}`;
}

/** One word of a setting: C escapes inside double quotes, and no specifier. */
function quoted(text: string): string {
  const escaped = text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
  return `"${percent(escaped)}"`;
}

function percent(text: string): string {
  return text.replaceAll('%', '%%');
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
