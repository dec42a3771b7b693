/** launchd: a property list for each instance (launchd.plist(5)). Pure. */
import type { Application, ExportFile, Unit } from './application.ts';
import { fileSafe, graceSeconds, logFolder, restartsWhen, signature, wholeSeconds } from './application.ts';

export function launchd(app: Application): readonly ExportFile[] {
  return app.units.map((unit) => {
    const label = `${app.name}-${fileSafe(unit.entry)}-${unit.instance}`;
    return { name: `${label}.plist`, text: propertyList(app, unit, label) };
  });
}

function propertyList(app: Application, unit: Unit, label: string): string {
  const log = `${logFolder(app)}/${label}.log`;
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<!-- ${signature('launchd', app.name)} -->`,
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    ...pair('Label', [text(label)]),
    ...pair('EnvironmentVariables', [
      '<dict>',
      ...Object.entries(unit.env).flatMap(([key, value]) => pair(key, [text(value)])),
      '</dict>',
    ]),
    ...pair('ProgramArguments', [
      '<array>',
      ...['/bin/sh', '-c', unit.command].map((word) => indented(text(word))),
      '</array>',
    ]),
    ...pair('WorkingDirectory', [text(unit.cwd)]),
    ...(app.user === null ? [] : pair('UserName', [text(app.user)])),
    ...pair('RunAtLoad', ['<true/>']),
    ...pair('KeepAlive', keepAlive(unit)),
    ...(unit.restart === null
      ? []
      : pair('ThrottleInterval', [`<integer>${wholeSeconds(unit.restart.initialMs)}</integer>`])),
    ...pair('ExitTimeOut', [`<integer>${graceSeconds(unit)}</integer>`]),
    ...pair('StandardOutPath', [text(log)]),
    ...pair('StandardErrorPath', [text(log)]),
    '</dict>',
    '</plist>',
  ];
  return `${lines.join('\n')}\n`;
}

function keepAlive(unit: Unit): string[] {
  const restarts = restartsWhen(unit);
  if (restarts !== 'on-failure') return [restarts === 'always' ? '<true/>' : '<false/>'];
  return ['<dict>', ...pair('SuccessfulExit', ['<false/>']), '</dict>'];
}

function pair(key: string, value: readonly string[]): string[] {
  return [`<key>${escaped(key)}</key>`, ...value].map(indented);
}

function text(value: string): string {
  return `<string>${escaped(value)}</string>`;
}

/** A bare carriage return would be read as a line feed. */
function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('\r', '&#13;');
}

function indented(line: string): string {
  return `    ${line}`;
}
