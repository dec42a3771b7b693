/** The `clusterctl` command: reads the command line, then loads only what the command needs. */
import type { Arguments } from './arguments.ts';
import { parseArguments } from './arguments.ts';
import { commandInfos } from './catalogue.ts';
import { exitCode } from './exit-codes.ts';
import { helpText } from './help.ts';
import type { Settled } from './read-settings.ts';
import { withSettingsFiles } from './read-settings.ts';
import { suggest } from './suggest.ts';
import { remoteWords, syntax } from './syntax.ts';

/** Set when the program is bundled. */
const version = process.env['CLUSTERCTL_VERSION'] ?? 'unbundled';

async function main(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(syntax, argv);
  if (!parsed.ok) return fail(`${parsed.error}\nRun clusterctl help for the flags.`, exitCode.usage);
  const { command, words, values } = parsed.value;
  if (values.help) return print(helpText(command));
  if (values.version) return print(`clusterctl ${version}\n`);
  switch (command) {
    case null:
      return print(helpText(null));
    case 'help':
      return print(helpText(words[0] ?? null));
    case 'version':
      return print(`clusterctl ${version}\n`);
    case 'completion':
      return completion(words[0]);
    case '__complete':
      return process.exit(await (await import('./commands/complete.ts')).complete(words));
    case 'config':
      return (await import('./commands/config.ts')).config(words);
    default: {
      const settled = await withSettingsFiles(parsed.value);
      return settled.ok ? obey(command, settled.value) : settled.error;
    }
  }
}

/** A command that reads the user's files. */
async function obey(command: string, { commandLine, settings }: Settled): Promise<number> {
  const { words, values, given } = commandLine;
  const from = process.cwd();
  if (values.basedir !== '') process.chdir(values.basedir);
  switch (command) {
    case 'check':
      if (values.portable) return (await import('./commands/check-portable.ts')).checkPortable(values);
      return (await import('./commands/check.ts')).check(values);
    case 'export':
      return runExport(commandLine, from);
    case 'env':
      return (await import('./commands/env.ts')).env({ names: [], options: values, given }, settings);
    case 'start':
      return start(commandLine);
    case 'run':
      return run(commandLine);
    case 'exec':
      return (await import('./commands/exec.ts')).exec(words, values);
    case 'status':
      if (values.cluster) return (await import('./commands/cluster-status.ts')).showClusterStatus(values, given);
      return (await import('./commands/control.ts')).showStatus(values, given);
    case 'timeline':
      return (await import('./commands/timeline.ts')).timeline(values, given);
    case 'events':
      return (await import('./commands/events.ts')).events(values, given);
    case 'fault':
      return (await import('./commands/fault.ts')).fault(words, values, given);
    case 'wait':
      return (await import('./commands/wait.ts')).wait(words, values, given);
    case 'attach':
      return (await import('./commands/attach.ts')).attach(words, values, given);
    case 'logs':
      return (await import('./commands/logs.ts')).logs(words, values, given);
    default: {
      const near = suggest(command, Object.keys(commandInfos));
      const hint = near === null ? 'Run clusterctl help for the commands.' : `Did you mean ${near}?`;
      return fail(`unknown command ${command}\n${hint}`, exitCode.usage);
    }
  }
}

async function start({ words, values, given }: Arguments<typeof syntax.flags>): Promise<number> {
  const { start } = await import('./commands/start.ts');
  const code = await start({ names: words, options: values, given });
  // A terminal that takes no output, or a pipe that some stray process holds, must not keep a finished run alive.
  process.exit(code);
}

async function completion(shell: string | undefined): Promise<number> {
  const { completionScripts } = await import('./completion/scripts.ts');
  const script = completionScripts.get(shell ?? '');
  if (script !== undefined) return print(script);
  return fail(`completion needs a shell: ${[...completionScripts.keys()].join(', ')}`, exitCode.usage);
}

/** goreman's `export FORMAT LOCATION`, and foreman's; names after them choose entries. */
async function runExport({ words, values, given }: Arguments<typeof syntax.flags>, from: string): Promise<number> {
  const { exportFiles } = await import('./commands/export.ts');
  const [format, location, ...names] = words;
  return exportFiles({ format, location, from, names, options: values, given });
}

/** goreman's remote control and foreman's one-off command share a name: goreman's words are never taken for a command. */
async function run({ words, values, given }: Arguments<typeof syntax.flags>): Promise<number> {
  const [word, ...names] = words;
  if (word === undefined) return fail(`run needs one of ${remoteWords.join(', ')}, or a command`, exitCode.usage);
  if (!remoteWords.includes(word)) return (await import('./commands/exec.ts')).exec(words, values);
  return (await import('./commands/control.ts')).remote(word, names, values, given);
}

function print(text: string): number {
  process.stdout.write(text);
  return exitCode.ok;
}

function fail(message: string, code: number): number {
  process.stderr.write(`clusterctl: ${message}\n`);
  return code;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    // Refusals of the system (no permission, no space) say all in their message; everything else is a bug and shows its stack.
    const refusal = error instanceof Error && 'syscall' in error;
    process.exitCode = fail(
      refusal ? error.message : String(error instanceof Error ? error.stack : error),
      exitCode.failed,
    );
  },
);
