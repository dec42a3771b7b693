/** What other tools would make of a Procfile, line by line, and where that is not what we make of it. Pure. */
import { unreachable } from '../../base/assert.ts';
import { firstCommand } from './first-command.ts';
import type { Line, Piece } from './lex.ts';
import { characters, lexProcfile } from './lex.ts';
import type { Entry } from './parse.ts';
import { parseProcfile } from './parse.ts';
import type { Reading, Tool, ToolReading } from './tools.ts';
import { readAs, tools } from './tools.ts';

/** Something that some tools do otherwise. */
export interface Difference {
  /** Counted from 1. */
  readonly line: number;
  /** In characters (code points), counted from 1. */
  readonly column: number;
  readonly code: string;
  readonly tools: readonly Tool[];
  /** A clause that is true of each of the tools. */
  readonly message: string;
  readonly hint: string;
}

export interface Portability {
  /** By tool. */
  readonly readings: ReadonlyMap<Tool, ToolReading>;
  /** In the order of the file. */
  readonly differences: readonly Difference[];
}

export interface Setting {
  /** What env files set; foreman pastes it into commands. */
  readonly env: Readonly<Record<string, string>>;
  /** PORT of the first entry. */
  readonly basePort: number;
}

/** Reads the file as every tool does. */
export function comparePortability(text: string, { env, basePort }: Setting): Portability {
  // Every tool but goreman takes the base port from an env file.
  const fromEnv = /^\d{1,5}$/.test(env['PORT'] ?? '') ? Number(env['PORT']) : basePort;
  const readings = new Map(tools.map((tool) => [tool, readAs(tool, text, tool === 'goreman' ? basePort : fromEnv)]));
  const running = new Map([...readings].filter(([, { lines }]) => lines.every((line) => line.type !== 'refused')));
  const raws = text.split('\n');
  const entries = new Map(parseProcfile('', text).entries.map((entry) => [entry.line, entry]));
  const differences = lexProcfile(text).flatMap((line) => {
    const entry = entries.get(line.line) ?? null;
    const all = [...lineDifferences(line, raws[line.line - 1] ?? '', entry, readings)];
    if (line.type !== 'pair' || entry === null) return all;
    const runBy = (tool: Tool) => running.get(tool)?.lines[line.line - 1]?.type === 'entry';
    const port = basePort + portStep * entry.index;
    const details = [...commandDifferences(line, env), ...portDifferences(line, port, running)];
    return [...all, ...details.filter((one) => one.tools.every(runBy))].sort((a, b) => a.column - b.column);
  });
  return { readings, differences };
}

const portStep = 100;

type Readings = ReadonlyMap<Tool, ToolReading>;

/** What a line is taken for. */
function* lineDifferences(line: Line, raw: string, entry: Entry | null, readings: Readings): Generator<Difference> {
  const isOursLost = line.type === 'pair' && entry === null;
  const isDuplicate = isOursLost || [...readings.values()].some(({ lines }) => lines[line.line - 1]?.type === 'lost');
  const { column, code, hint } = causeOf(line, raw, isDuplicate);
  const groups = new Map<string, Tool[]>();
  for (const [tool, { lines }] of readings) {
    const message = verdict(tool, lines[line.line - 1] ?? { type: 'nothing' }, entry);
    if (message !== null) groups.set(message, [...(groups.get(message) ?? []), tool]);
  }
  for (const [message, group] of groups) yield { line: line.line, column, code, tools: group, message, hint };
}

/** What the tool does with a line of which we make `entry`; null if the same. */
function verdict(tool: Tool, reading: Reading, entry: Entry | null): string | null {
  switch (reading.type) {
    case 'refused':
      return 'the whole file is refused because of this line';
    case 'nothing':
      return entry === null ? null : 'this line is ignored';
    case 'lost':
      return entry === null ? null : `line ${reading.to} runs instead, which has the same name`;
    case 'entry':
      if (entry === null) return `${reading.name} runs all the same`;
      if (reading.name !== entry.name) return `its name is ${JSON.stringify(reading.name)}`;
      if (reading.command !== entry.command) return `its command is ${JSON.stringify(reading.command)}`;
      // A command of blanks; goreman runs it as we do, and it succeeds at once.
      if (entry.command !== '' || tool === 'goreman') return null;
      return tool === 'foreman'
        ? 'it is an unknown command, which the end of all waits for'
        : 'it ends at once, and all end with it';
    default:
      return unreachable(reading);
  }
}

interface Cause {
  readonly column: number;
  readonly code: string;
  readonly hint: string;
}

/** Why tools disagree on a line, if they do, and what to do about it. */
function causeOf(line: Line, raw: string, isDuplicate: boolean): Cause {
  if (raw.startsWith('\ufeff'))
    return { column: 1, code: 'byte-order-mark', hint: 'save the file without a byte order mark' };
  switch (line.type) {
    case 'blank':
      return { column: 1, code: 'blank', hint: 'remove the blanks' };
    case 'comment':
      return { column: 1, code: 'comment', hint: 'begin the line with the #' };
    case 'text':
      return { column: line.text.column, code: 'no-colon', hint: 'an entry is `name: command`' };
    case 'pair':
      return causeOfPair(line, raw, isDuplicate);
    default:
      return unreachable(line);
  }
}

function causeOfPair({ name, command }: Extract<Line, { type: 'pair' }>, raw: string, isDuplicate: boolean): Cause {
  if (name.text === '') return { column: name.column, code: 'no-name', hint: 'an entry is `name: command`' };
  if (!/^[A-Za-z0-9_-]+$/.test(name.text)) {
    return { column: name.column, code: 'name', hint: 'name it with letters, digits, - and _ only' };
  }
  const afterName = name.column + characters(name.text);
  if (/^\s/.test(raw)) return { column: 1, code: 'indented', hint: 'begin the line with the name' };
  if (/^[^:]*\s:/.test(raw))
    return { column: afterName, code: 'blank-before-colon', hint: 'remove the blank before the colon' };
  if (isDuplicate) return { column: name.column, code: 'duplicate', hint: 'give each entry its own name' };
  if (command.text === '')
    return { column: command.column, code: 'empty-command', hint: 'give it a command, or remove it' };
  const carriageReturn = command.text.indexOf('\r');
  if (carriageReturn >= 0) {
    const column = command.column + characters(command.text.slice(0, carriageReturn));
    return { column, code: 'carriage-return', hint: 'end lines with a line feed' };
  }
  return { column: afterName + 1, code: 'no-blank', hint: 'put a blank after the colon' };
}

/** What a command is turned into. */
function* commandDifferences(line: Extract<Line, { type: 'pair' }>, env: Setting['env']): Generator<Difference> {
  const { command } = line;
  const at = (offset: number) => ({
    line: line.line,
    column: command.column + characters(command.text.slice(0, offset)),
  });
  const { word, end, operator } = firstCommand(command.text);
  if (isNoProgram(word)) {
    const hint = "put it into a script, or into sh -c '…'";
    const message = `it does not run: exec is put before it, and ${word} is no program`;
    yield { ...at(0), code: 'exec', tools: ['forego'], message, hint };
  } else if (operator === ';' || operator === '&&' || operator === '||') {
    const hint = "put the command into a script, or into sh -c '…'";
    const message = `nothing after the first \`${operator}\` runs: exec is put before the command`;
    yield { ...at(end), code: 'exec', tools: ['forego'], message, hint };
  }
  if (/(?<!\\)(?:\\\\)*\\$/.test(command.text)) {
    const hint = 'a Procfile has no continuation lines: put the command on one line, or in a script';
    const message = 'the backslash at the end is dropped';
    yield { ...at(command.text.length - 1), code: 'backslash', tools: ['overmind'], message, hint };
  }
  for (const { offset, message } of pasted(command, env)) {
    const hint =
      'foreman puts the value into the text of the command before a shell sees it: rename the variable, or use a script';
    yield { ...at(offset), code: 'dollar', tools: ['foreman'], message, hint };
  }
}

/** Words that mean something to a shell only: `exec` finds no program of that name. */
const shellWords =
  'if while until for case function { ( ! trap cd export set unset . source eval exec exit read ulimit umask wait alias : shift readonly command type hash';

function isNoProgram(word: string): boolean {
  return shellWords.split(' ').includes(word) || /^[A-Za-z_]\w*=/.test(word);
}

/** Where foreman's search for `$KEY`, blind to quotes and to longer names, finds what a shell would not, or not so. */
function* pasted(
  command: Piece,
  env: Setting['env'],
): Generator<{ readonly offset: number; readonly message: string }> {
  const values: Record<string, string> = { ...env, PORT: '5000', PS: 'x' };
  const keys = Object.keys(values);
  for (const { 0: written, 1: name = '', index } of command.text.matchAll(/\$([A-Za-z_]\w*)/g)) {
    const key = keys.find((one) => name.startsWith(one));
    if (key === undefined) continue;
    if (key !== name) yield { offset: index, message: `${written} is read as $${key} and ${name.slice(key.length)}` };
    else if (isQuoted(command.text, index))
      yield { offset: index, message: `${written} is replaced although it is quoted` };
    else if (/[\\"'`$;&|<>()*?[\]~#]/.test(values[key] ?? '')) {
      yield { offset: index, message: `special characters in the value of ${written} reach the shell` };
    }
  }
}

/** True inside single quotes and after a backslash. */
function isQuoted(text: string, offset: number): boolean {
  let quote = '';
  for (let at = 0; at < offset; at++) {
    const character = text[at] ?? '';
    if (character === '\\' && quote !== "'") {
      at++;
      if (at === offset) return true;
    } else if (character === quote) quote = '';
    else if (quote === '' && (character === "'" || character === '"')) quote = character;
  }
  return quote === "'";
}

/** PORT, for commands that mention it. */
function* portDifferences(
  line: Extract<Line, { type: 'pair' }>,
  port: number,
  readings: Readings,
): Generator<Difference> {
  const mention = /\$\{?PORT\b/.exec(line.command.text);
  if (mention === null) return;
  const groups = new Map<number, Tool[]>();
  for (const [tool, { ports }] of readings) {
    const theirs = ports.get(line.line - 1);
    if (theirs !== undefined && theirs !== port) groups.set(theirs, [...(groups.get(theirs) ?? []), tool]);
  }
  const column = line.command.column + characters(line.command.text.slice(0, mention.index));
  for (const [theirs, group] of groups) {
    const hint = 'name the port in the command if it must be the same everywhere';
    const message = `PORT is ${theirs}, not ${port}`;
    yield { line: line.line, column, code: 'port', tools: group, message, hint };
  }
}
