/**
 * How other tools read a Procfile, from what they did with the same files: goreman 0.3, foreman 0.87, forego, overmind 2.5,
 * hivemind 1.1 and node-foreman 3.0 (`nf`). Pure.
 */
import { unreachable } from '../../base/assert.ts';

export const tools = ['goreman', 'foreman', 'forego', 'overmind', 'hivemind', 'node-foreman'] as const;

export type Tool = (typeof tools)[number];

/** What a tool takes a line for. */
export type Reading =
  | { readonly type: 'entry'; readonly name: string; readonly command: string }
  /** Blank, a comment, or thrown away without a word. */
  | { readonly type: 'nothing' }
  /** An entry that loses to another one of its name, at line `to`. */
  | { readonly type: 'lost'; readonly name: string; readonly to: number }
  /** The reason why the tool takes nothing of the file. */
  | { readonly type: 'refused' };

export interface ToolReading {
  /** Of each line of the file. */
  readonly lines: readonly Reading[];
  /** What PORT is for the entry at each line, by its index in `lines`. */
  readonly ports: ReadonlyMap<number, number>;
}

/** Between the ports of two entries, for all of them. */
const portStep = 100;
const nothing: Reading = { type: 'nothing' };
const refused: Reading = { type: 'refused' };

/** Reads `text`, whose first entry gets `basePort`, as `tool` does. */
export function readAs(tool: Tool, text: string, basePort: number): ToolReading {
  const lines = uniqueAs(
    tool,
    text.split('\n').map((line) => readLine(tool, line)),
  );
  return { lines, ports: portsAs(tool, lines, basePort) };
}

function readLine(tool: Tool, line: string): Reading {
  switch (tool) {
    case 'goreman': {
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(colon, 0)).trim();
      // What trims here takes a byte order mark for a blank; goreman does not.
      const marked = line.startsWith('\ufeff') ? `\ufeff${name}` : name;
      if (colon < 0 || marked === '' || marked.startsWith('#')) return nothing;
      return { type: 'entry', name: marked, command: line.slice(colon + 1).trim() };
    }
    case 'foreman':
    case 'forego':
      return match(/^([A-Za-z0-9_-]+):[\t\v\f\r ]*(.+)$/s, withoutReturn(line)) ?? nothing;
    case 'overmind':
    case 'hivemind':
      return match(/^([A-Za-z0-9_-]+):[\t\f\r ]+(.+)$/s, withoutReturn(line)) ?? nothing;
    case 'node-foreman': {
      if (line === '' || line.startsWith('#')) return nothing;
      const entry = match(/^([A-Za-z0-9_-]+):\s*(.+)$/m, line);
      return entry === null || entry.command === '' ? refused : entry;
    }
    default:
      return unreachable(tool);
  }
}

function match(pattern: RegExp, line: string): Extract<Reading, { type: 'entry' }> | null {
  const [, name, command] = pattern.exec(line) ?? [];
  return name === undefined || command === undefined ? null : { type: 'entry', name, command: command.trim() };
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** What becomes of entries that share a name. */
function uniqueAs(tool: Tool, lines: readonly Reading[]): Reading[] {
  const seen = new Map<string, number>();
  const read = [...lines];
  for (const [at, line] of lines.entries()) {
    if (line.type !== 'entry') continue;
    const before = seen.get(line.name);
    seen.set(line.name, before === undefined || tool === 'node-foreman' ? at : before);
    if (before === undefined) continue;
    switch (tool) {
      case 'goreman':
        read[at] = { type: 'lost', name: line.name, to: before + 1 };
        break;
      case 'node-foreman':
        read[before] = { type: 'lost', name: line.name, to: at + 1 };
        break;
      case 'overmind':
      case 'hivemind':
        read[at] = refused;
        break;
      case 'foreman':
      case 'forego':
        break;
      default:
        return unreachable(tool);
    }
  }
  return read;
}

function portsAs(tool: Tool, lines: readonly Reading[], basePort: number): ReadonlyMap<number, number> {
  const counted = [...lines.entries()].filter(
    ([, line]) => line.type === 'entry' || (line.type === 'lost' && tool === 'goreman'),
  );
  const order = tool === 'node-foreman' ? asObjectKeys(counted, lines) : counted.map(([at]) => at);
  const ports = new Map<number, number>();
  let port = basePort;
  for (const [index, at] of order.entries()) {
    // forego adds the steps of all entries before to a port that has them already.
    if (index > 0) port += tool === 'forego' ? portStep * index : portStep;
    if (lines[at]?.type === 'entry') ports.set(at, port);
  }
  return ports;
}

/**
 * node-foreman keeps entries as properties of an object: names that are array indexes come first, by number; the others in the
 * order in which their names first appeared.
 */
function asObjectKeys(counted: readonly (readonly [number, Reading])[], lines: readonly Reading[]): number[] {
  const keys: Record<string, number> = {};
  for (const line of lines) if (line.type === 'entry' || line.type === 'lost') keys[line.name] = -1;
  for (const [at, line] of counted) if (line.type === 'entry') keys[line.name] = at;
  return Object.values(keys);
}
