/** Every flag of `clusterctl`, with goreman's and foreman's spellings. */

import { parseDuration } from '../base/duration.ts';
import type { Flag } from '../base/go-flags.ts';
import { boolFlag, enumFlag, stringFlag, uintFlag } from '../base/go-flags.ts';
import { err, ok } from '../base/result.ts';
import type { Formation } from '../supervisor/formation.ts';
import { parseFormation } from '../supervisor/formation.ts';
import { defaultHistoryLimits } from '../supervisor/history-files.ts';
import type { Arguments, Syntax } from './arguments.ts';

export type ColourChoice = 'auto' | 'always' | 'never';

/** goreman's period between the signal and SIGKILL. */
const graceDefaultMs = 10_000;
const durationMaxMs = 24 * 60 * 60 * 1000;
const historyFilesMax = 100;
/** So that no file is rotated for every chunk of output; and less than what a reader can hold. */
const historySizeMin = 64 * 1024;
const historySizeMax = 1024 * 1024 * 1024;
/** As etcd's documentation advises: more members make writes slower, not safer. */
const membersMax = 9;

/** goreman's words after `run`; any other begins a command line of the user. */
export const remoteWords = ['list', 'status', 'start', 'stop', 'restart', 'stop-all', 'restart-all', 'reload'];

const flags = {
  app: stringFlag('app'),
  'base-port': basePortFlag(5000),
  basedir: stringFlag(''),
  cluster: switchFlag(false),
  color: colourFlag(),
  config: optionalFlag(),
  'control-tcp': loopbackFlag(),
  'control-token-file': optionalFlag(),
  deadline: durationFlag(null),
  env: optionalFlag(),
  'env-rules': choiceFlag('goreman', 'foreman'),
  etcd: stringFlag('bundled'),
  'exit-code': choiceFlag('goreman', 'first', 'max'),
  'exit-on-error': switchFlag(false),
  'exit-on-stop': switchFlag(true),
  explain: switchFlag(false),
  fabric: choiceFlag('auto', 'off', 'socks'),
  follow: switchFlag(false),
  force: switchFlag(false),
  for: choiceFlag('ready', 'leader', 'exit'),
  formation: formationFlag(),
  grace: durationFlag(graceDefaultMs),
  grep: patternFlag(),
  help: switchFlag(false),
  history: switchFlag(true),
  'history-files': historyFilesFlag(),
  'history-size': sizeFlag(defaultHistoryLimits.fileBytes),
  json: switchFlag(false),
  lines: countFlag(),
  log: optionalFlag(),
  members: membersFlag(),
  portable: switchFlag(false),
  output: choiceFlag('text', 'ndjson'),
  procfile: stringFlag('Procfile'),
  rolling: switchFlag(false),
  'rpc-port': portFlag(),
  'rpc-server': switchFlag(true),
  'set-ports': switchFlag(true),
  since: sinceFlag(),
  'state-dir': stringFlag(''),
  'stop-signal': stopSignalFlag(),
  timestamps: switchFlag(true),
  tui: switchFlag(true),
  user: optionalFlag(),
  version: switchFlag(false),
};

export const syntax: Syntax<typeof flags> = {
  flags,
  aliases: {
    b: 'base-port',
    c: 'color',
    colour: 'color',
    control: 'rpc-server',
    d: 'basedir',
    e: 'env',
    f: 'procfile',
    h: 'help',
    logtime: 'timestamps',
    m: 'formation',
    port: 'base-port',
    root: 'basedir',
    t: 'grace',
    timeout: 'grace',
    timestamp: 'timestamps',
    v: 'version',
  },
  aliasesBeforeCommand: { p: 'rpc-port' },
  aliasesAfterCommand(command) {
    if (command === 'logs') return { f: 'follow', n: 'lines' };
    if (command === 'attach') return { n: 'lines' };
    if (command === 'export') return { a: 'app', l: 'log', p: 'base-port', u: 'user' };
    if (command === 'run') return { p: 'base-port', t: 'deadline', timeout: 'deadline' };
    return command === 'wait' ? { t: 'deadline', timeout: 'deadline' } : { p: 'base-port' };
  },
  isVerbatim: (command, word) => command === 'exec' || (command === 'run' && !remoteWords.includes(word)),
  hasOwnFlags: (command) => command === 'fault',
};

export type Options = Arguments<typeof flags>['values'];

/** One of these; the first is the default. */
function choiceFlag<const T extends readonly [string, ...string[]]>(...allowed: T): Flag<T[number]> {
  const last = allowed.at(-1) ?? '';
  return explained(enumFlag(...allowed), `expected ${allowed.slice(0, -1).join(', ')} or ${last}`);
}

function switchFlag(initial: boolean): Flag<boolean> {
  return explained(boolFlag(initial), 'expected true or false');
}

function basePortFlag(initial: number): Flag<number> {
  return explained(uintFlag(initial), 'expected a port number');
}

/** Go's reasons do not say what would be right. */
function explained<T>(flag: Flag<T>, expected: string): Flag<T> {
  return {
    ...flag,
    parse(text, previous) {
      const parsed = flag.parse(text, previous);
      return parsed.ok ? parsed : err(expected);
    },
  };
}

/** Null unless given. */
function optionalFlag(): Flag<string | null> {
  return { default: null, standsAlone: false, parse: (text) => ok(text) };
}

/** Bare `--color` means always. */
function colourFlag(): Flag<ColourChoice> {
  return {
    default: 'auto',
    standsAlone: true,
    parse(text) {
      if (text === 'auto') return ok(text);
      if (text === 'always' || text === 'true') return ok('always');
      if (text === 'never' || text === 'false') return ok('never');
      return err('expected auto, always or never');
    },
  };
}

/** In milliseconds; a Go duration, or seconds as foreman has it. */
function durationFlag<D extends number | null>(initial: D): Flag<number | D> {
  return {
    default: initial,
    standsAlone: false,
    parse(text) {
      const duration = parseDuration(/^\d+(?:\.\d+)?$/.test(text) ? `${text}s` : text);
      if (!duration.ok) return err('expected a duration such as 10s, 500ms or 1m');
      const ms = Number(duration.value / 1_000_000n);
      return ms >= 0 && ms <= durationMaxMs ? ok(ms) : err('expected between 0s and 24h');
    },
  };
}

/** goreman's RPC port: here a number that names a supervisor; nothing listens on it. */
function portFlag(): Flag<number | null> {
  return {
    default: null,
    standsAlone: false,
    parse: (text) => (/^\d{1,5}$/.test(text) ? ok(Number(text)) : err('expected a port number')),
  };
}

/** With or without SIG; `same` passes on the signal that the supervisor got, and is SIGTERM where it got none. */
function stopSignalFlag(): Flag<'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGQUIT' | 'same'> {
  return {
    default: 'same',
    standsAlone: false,
    parse(text) {
      if (text === 'same') return ok(text);
      const name = text.toUpperCase().replace(/^SIG/, '');
      const signal = (['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const).find((one) => one === `SIG${name}`);
      return signal === undefined ? err('expected TERM, INT, HUP, QUIT or same') : ok(signal);
    },
  };
}

/** How long ago, in milliseconds. */
function sinceFlag(): Flag<number | null> {
  return {
    default: null,
    standsAlone: false,
    parse(text) {
      const duration = parseDuration(text);
      return duration.ok ? ok(Number(duration.value / 1_000_000n)) : err('expected a duration such as 10s, 5m or 2h');
    },
  };
}

function countFlag(): Flag<number | null> {
  return {
    default: null,
    standsAlone: false,
    parse: (text) => (/^\d{1,9}$/.test(text) ? ok(Number(text)) : err('expected a number of lines')),
  };
}

function patternFlag(): Flag<RegExp | null> {
  return {
    default: null,
    standsAlone: false,
    parse(text) {
      try {
        return ok(new RegExp(text, 'u'));
      } catch {
        return err('expected a regular expression');
      }
    },
  };
}

function formationFlag(): Flag<Formation | null> {
  return { default: null, standsAlone: false, parse: parseFormation };
}

function membersFlag(): Flag<number | null> {
  return {
    default: null,
    standsAlone: false,
    parse(text) {
      const count = Number(text);
      const valid = /^\d+$/.test(text) && count >= 1 && count <= membersMax;
      return valid ? ok(count) : err(`expected a number from 1 to ${membersMax}`);
    },
  };
}

/** Files kept of each process, the current one included. */
function historyFilesFlag(): Flag<number> {
  return {
    default: defaultHistoryLimits.files,
    standsAlone: false,
    parse(text) {
      const count = Number(text);
      const valid = /^\d+$/.test(text) && count >= 1 && count <= historyFilesMax;
      return valid ? ok(count) : err(`expected a number from 1 to ${historyFilesMax}`);
    },
  };
}

/** Bytes, with K, M or G for their powers of 1024. */
function sizeFlag(initial: number): Flag<number> {
  return {
    default: initial,
    standsAlone: false,
    parse(text) {
      const [, digits, unit = ''] = /^(\d{1,12})([kmg]?)(?:i?b)?$/i.exec(text) ?? [];
      const bytes = Number(digits) * 1024 ** ['', 'k', 'm', 'g'].indexOf(unit.toLowerCase());
      const valid = digits !== undefined && bytes >= historySizeMin && bytes <= historySizeMax;
      return valid ? ok(bytes) : err('expected a size from 64K to 1G such as 16M');
    },
  };
}

/** `PORT` or `HOST:PORT` on this machine: the control is not for the network. */
function loopbackFlag(): Flag<{ readonly host: string; readonly port: number } | null> {
  return {
    default: null,
    standsAlone: false,
    parse(text) {
      const [, named = '127.0.0.1', digits] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? [];
      const host = named === 'localhost' ? '127.0.0.1' : named.replace(/^\[(.*)\]$/, '$1');
      if (digits === undefined || Number(digits) > 65_535) return err('expected PORT or HOST:PORT');
      const isLoopback = host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
      return isLoopback
        ? ok({ host, port: Number(digits) })
        : err(`${host} is not a loopback address such as 127.0.0.1`);
    },
  };
}
