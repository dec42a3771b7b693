/**
 * The format of data-driven test files: blocks of a command with arguments, input lines, `----`, and the expected output.
 * A blank line ends the output, unless the output is fenced by doubled `----` lines. `#` starts a comment between blocks.
 */

/** One argument: `key`, `key=value` or `key=(value,value)`. */
export interface Argument {
  readonly key: string;
  readonly values: readonly string[];
}

export interface Block {
  /** The line of the command, counted from 1. */
  readonly line: number;
  /** The line where the expected output begins. */
  readonly outputLine: number;
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: string;
}

const separator = '----';

/** Splits a file into its blocks. Throws on text that is no command. */
export function parseBlocks(file: string, text: string): Block[] {
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  if (lines[lines.length - 1] === '') lines.pop();
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = at + 1;
    let head = (lines[at++] ?? '').trim();
    if (head === '' || head.startsWith('#')) continue;
    while (head.endsWith('\\') && at < lines.length) head = `${head.slice(0, -1)} ${(lines[at++] ?? '').trim()}`;
    const { command, args } = parseCommand(`${file}:${line}`, head);
    if (command === 'subtest') continue;
    const inputStart = at;
    while (at < lines.length && lines[at] !== separator) at++;
    const input = lines.slice(inputStart, at).join('\n').trim();
    at++;
    const output = readOutput(lines, at);
    blocks.push({ line, outputLine: output.start + 1, command, args, input, expected: output.text });
    at = output.next;
  }
  return blocks;
}

interface Output {
  readonly text: string;
  /** The position of its first line. */
  readonly start: number;
  /** The position after it. */
  readonly next: number;
}

function readOutput(lines: readonly string[], at: number): Output {
  if (lines[at] !== separator) {
    let end = at;
    while (end < lines.length && lines[end]?.trim() !== '') end++;
    return { text: joined(lines.slice(at, end)), start: at, next: end };
  }
  const start = at + 1;
  let end = start;
  while (end < lines.length && !(lines[end] === separator && lines[end + 1] === separator)) end++;
  return { text: joined(lines.slice(start, end)), start, next: end + 2 };
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

const argumentPattern = /^\s*([^\s=()]+)(?:=(\([^)]*\)|\S*))?(?=\s|$)/;

function parseCommand(place: string, head: string): { command: string; args: Argument[] } {
  const fields: Argument[] = [];
  let rest = head;
  while (rest.trim() !== '') {
    const match = argumentPattern.exec(rest);
    if (match === null) throw new Error(`${place}: cannot parse directive at ${JSON.stringify(rest)}`);
    fields.push({ key: match[1] ?? '', values: valuesOf(match[2]) });
    rest = rest.slice(match[0].length);
  }
  const [command, ...args] = fields;
  return { command: command?.key ?? '', args };
}

function valuesOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  if (!text.startsWith('(')) return [text];
  const inner = text.slice(1, -1);
  return inner === '' ? [text] : inner.split(',').map((value) => value.trim());
}

/** Compares an output with what was expected. Null if equal, else a text with place and differences, for people. */
export function mismatch(file: string, block: Block, output: string): string | null {
  const actual = output !== '' && !output.endsWith('\n') ? `${output}\n` : output;
  if (actual === block.expected) return null;
  const want = block.expected.split('\n');
  const got = actual.split('\n');
  let first = 0;
  while (first < want.length && first < got.length && want[first] === got[first]) first++;
  const place = `${file}:${block.outputLine + first}`;
  const head = `${place}: output of \`${block.command}\` (line ${block.line}) differs:`;
  return [head, ...lineDiff(want, got)].join('\n');
}

/** Lines of both texts: equal ones once, others marked - (expected) and + (found), by a longest common subsequence. */
function lineDiff(want: readonly string[], got: readonly string[]): string[] {
  const rows = want.length + 1;
  const columns = got.length + 1;
  const common = new Uint32Array(rows * columns);
  for (let i = want.length - 1; i >= 0; i--) {
    for (let j = got.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * columns + j] ?? 0;
      const right = common[i * columns + j + 1] ?? 0;
      const diagonal = common[(i + 1) * columns + j + 1] ?? 0;
      common[i * columns + j] = want[i] === got[j] ? diagonal + 1 : Math.max(below, right);
    }
  }
  const out: string[] = [];
  let i = 0;
  let j = 0;
  while (i < want.length || j < got.length) {
    const below = common[(i + 1) * columns + j] ?? 0;
    const right = common[i * columns + j + 1] ?? 0;
    if (i < want.length && j < got.length && want[i] === got[j]) {
      out.push(`  ${want[i++]}`);
      j++;
    } else if (i < want.length && (j >= got.length || below >= right)) out.push(`- ${want[i++]}`);
    else out.push(`+ ${got[j++]}`);
  }
  return out;
}
