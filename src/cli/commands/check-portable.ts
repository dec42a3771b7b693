/** `clusterctl check --portable`: what other tools would make of the Procfile. */
import { effective } from '../../supervisor/env-file/merge.ts';
import { parseProcfile } from '../../supervisor/procfile/parse.ts';
import type { Difference, Portability } from '../../supervisor/procfile/portable.ts';
import { comparePortability } from '../../supervisor/procfile/portable.ts';
import { tools } from '../../supervisor/procfile/tools.ts';
import { exitCode } from '../exit-codes.ts';
import { readEnvFiles } from '../read-env.ts';
import { readProcfileText, usable } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

export function checkPortable(options: Options): number {
  const read = readProcfileText(options.procfile);
  if (!read.ok) return read.error;
  const { name, text } = read.value;
  const parsed = parseProcfile(name, text);
  // Warnings would say again what the comparison says.
  const procfile = usable({ ...parsed, problems: parsed.problems.filter((one) => one.severity === 'error') });
  if (!procfile.ok) return procfile.error;
  const variables = readEnvFiles(options);
  if (!variables.ok) return variables.error;

  const setting = { env: effective(variables.value), basePort: options['base-port'] };
  const found = comparePortability(text, setting);
  const names = procfile.value.entries.map((entry) => entry.name);
  process.stdout.write(
    options.json ? `${JSON.stringify(jsonOf(name, text, names, found))}\n` : textOf(name, names, found),
  );
  return found.differences.length === 0 ? exitCode.ok : exitCode.failed;
}

function textOf(file: string, entries: readonly string[], { differences }: Portability): string {
  const lines = differences.map((one) => `${file}:${one.line}:${one.column}: ${describe(one)}`);
  const last =
    differences.length === 0
      ? `portable: ${listOf(tools)} run the same (${entries.join(', ')})`
      : `not portable: ${counted(differences.length, 'difference')} in ${counted(new Set(differences.map((one) => one.line)).size, 'line')}`;
  return [...lines, last].map((line) => `${line}\n`).join('');
}

function describe({ tools: group, message, hint }: Difference): string {
  return `in ${listOf(group)}, ${message} (${hint})`;
}

function listOf(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** For programs: every line with what each tool takes it for, and the differences. */
function jsonOf(file: string, text: string, entries: readonly string[], { readings, differences }: Portability) {
  return {
    version: 1,
    file,
    portable: differences.length === 0,
    entries,
    differences,
    lines: text.split('\n').map((line, at) => ({
      line: at + 1,
      text: line,
      tools: Object.fromEntries(
        [...readings].map(([tool, { lines, ports }]) => {
          const port = ports.get(at);
          return [tool, { ...lines[at], ...(port !== undefined && { port }) }];
        }),
      ),
    })),
  };
}
