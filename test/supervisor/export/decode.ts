/** Reads exported files as the init systems' documentation says that they do: what would run, with which variables. */
import type { ExportFormat } from '../../../src/supervisor/export/generate.ts';

export interface Decoded {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The instance of a file; the first one, if the file has several. */
export function decode(format: ExportFormat, text: string): Decoded {
  switch (format) {
    case 'systemd':
      return fromSystemd(text);
    case 'upstart':
      return fromUpstart(text);
    case 'supervisord':
      return fromSupervisord(text);
    case 'launchd':
      return fromLaunchd(text);
  }
}

/** systemd.service(5) "Command lines", systemd.exec(5) "Environment". */
function fromSystemd(text: string): Decoded {
  const assignments = settings(text, 'Environment').map((line) => unpercent(onlyWord(systemdWords(line))));
  const [command = ''] = settings(text, 'ExecStart');
  // A lone $ would be a variable.
  const argv = systemdWords(command).map((word) => unpercent(word.replace(/\$(.?)/g, (_, next) => same(next, '$'))));
  return { argv, env: Object.fromEntries(assignments.map(keyAndValue)) };
}

function systemdWords(line: string): string[] {
  return words(line, (body, next) => {
    const plain: Record<string, string> = { '\\': '\\', '"': '"', n: '\n', t: '\t' };
    const value = plain[next];
    if (value === undefined) throw new Error(`escape \\${next} in ${body}`);
    return value;
  });
}

/** The stanzas of upstart; what `exec` names goes through a shell as soon as it has a quote. */
function fromUpstart(text: string): Decoded {
  const [line = ''] = stanzas(text, 'exec');
  const plain = stanzas(text, 'env').map(keyAndValue);
  const all = words(line, (_, next) => ('\\"$`'.includes(next) ? next : `\\${next}`));
  return splitEnv(all, plain);
}

/** Python's configparser with inline comments, supervisord's expansion of %, then shlex. */
function fromSupervisord(text: string): Decoded {
  const first = text.split('[program:')[1] ?? '';
  const uncommented = first.replace(/[ \t][;#].*$/gm, '');
  const [command = ''] = settings(uncommented, 'command').map(unpercent);
  const [environment = ''] = settings(uncommented, 'environment').map(unpercent);
  const plain = [...environment.matchAll(/(\w+)=("[^"]*")(?:,|$)/g)].map(
    ([, key = '', value = '']) => [key, value.replace(/^['"]+|['"]+$/g, '')] as const,
  );
  // shlex keeps a backslash before anything but itself and the quote.
  return splitEnv(
    words(command, (_, next) => ('\\"'.includes(next) ? next : `\\${next}`)),
    plain,
  );
}

function fromLaunchd(text: string): Decoded {
  const strings = (part: string) =>
    [...part.matchAll(/<string>([^<]*)<\/string>/g)].map((match) => unescapeXml(match[1]));
  const [, dict = ''] = /<key>EnvironmentVariables<\/key>\s*<dict>(.*?)<\/dict>/s.exec(text) ?? [];
  const [, array = ''] = /<key>ProgramArguments<\/key>\s*<array>(.*?)<\/array>/s.exec(text) ?? [];
  const keys = [...dict.matchAll(/<key>([^<]*)<\/key>/g)].map((match) => unescapeXml(match[1]));
  const values = strings(dict);
  return { argv: strings(array), env: Object.fromEntries(keys.map((key, at) => [key, values[at] ?? ''])) };
}

function unescapeXml(text: string | undefined): string {
  return (text ?? '').replace(/&(.*?);/g, (entity, name) => {
    const known: Record<string, string> = { amp: '&', lt: '<', gt: '>', '#13': '\r' };
    const value = known[name];
    if (value === undefined) throw new Error(`entity ${entity}`);
    return value;
  });
}

/** `/usr/bin/env A=b … program` and what was set before. */
function splitEnv(all: readonly string[], plain: readonly (readonly [string, string])[]): Decoded {
  const rest = [...all];
  const env: Record<string, string> = Object.fromEntries(plain);
  if (rest[0] === '/usr/bin/env') {
    rest.shift();
    while (/^\w+=/.test(rest[0] ?? '')) {
      const [key, value] = keyAndValue(rest.shift() ?? '');
      env[key] = value;
    }
  }
  return { argv: rest, env };
}

/** Blank-separated words of plain characters and double-quoted pieces, as all of these formats have them. */
function words(line: string, afterBackslash: (body: string, next: string) => string): string[] {
  const found: string[] = [];
  for (let at = 0; at < line.length; ) {
    if (line[at] === ' ') {
      at++;
      continue;
    }
    let word = '';
    while (at < line.length && line[at] !== ' ') {
      if (line[at] !== '"') {
        word += line[at++];
        continue;
      }
      for (at++; line[at] !== '"'; at++) {
        if (at >= line.length) throw new Error(`open quote in ${line}`);
        word += line[at] === '\\' ? afterBackslash(line, line[++at] ?? '') : line[at];
      }
      at++;
    }
    found.push(word);
  }
  return found;
}

function settings(text: string, key: string): string[] {
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map((match) => match[1] ?? '');
}

function stanzas(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map((match) => match[1] ?? '');
}

function unpercent(text: string): string {
  return text.replace(/%(.?)/g, (_, next) => same(next, '%'));
}

function same(next: string, wanted: string): string {
  if (next !== wanted) throw new Error(`${wanted}${next} would be expanded`);
  return wanted;
}

function keyAndValue(text: string): [string, string] {
  const equals = text.indexOf('=');
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function onlyWord(all: readonly string[]): string {
  const [word, ...others] = all;
  if (word === undefined || others.length > 0) throw new Error(`not one word: ${all.join(' | ')}`);
  return word;
}
