/** `clusterctl exec CMD…`: one command in the environment of the Procfile's processes, in the foreground; foreman's `run`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { effective } from '../../supervisor/env-file/merge.ts';
import { etcdFor } from '../etcd-choice.ts';
import { exitCode } from '../exit-codes.ts';
import { readEnvFiles } from '../read-env.ts';
import { complain, readProcfile } from '../read-procfile.ts';
import type { Options } from '../syntax.ts';

/** Resolves to the command's own exit code, or to 128 and the number of the signal that ended it. */
export async function exec(words: readonly string[], options: Options): Promise<number> {
  const [program, ...args] = words;
  if (program === undefined) {
    complain('exec needs a command');
    return exitCode.usage;
  }
  const variables = readEnvFiles(options);
  if (!variables.ok) return variables.error;
  const environment: NodeJS.ProcessEnv = { ...process.env, ...effective(variables.value) };
  const etcd = etcdFor(options, environment['PATH'] ?? '', false);
  if (!etcd.ok) return failed(etcd.error);

  // One word is a line for the shell, or the name of an entry; several are a program and its arguments, as they are.
  const line = args.length === 0 ? (entryCommand(program, options) ?? program) : null;
  const env = { ...environment, PATH: etcd.value.path };
  const child =
    line === null
      ? spawn(program, args, { stdio: 'inherit', env })
      : spawn('/bin/sh', ['-c', line], { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // Ctrl-C reaches the command from the terminal; it decides when to end.
    process.on(signal, () => signal !== 'SIGINT' && child.kill(signal));
  }
  const code = await new Promise<number>((resolve) => {
    child.once('error', (error) => {
      complain(`${program}: ${error.message}`);
      resolve('code' in error && error.code === 'ENOENT' ? 127 : 126);
    });
    child.once('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  etcd.value.close();
  return code;
}

function entryCommand(name: string, options: Options): string | null {
  if (!existsSync(options.procfile)) return null;
  const procfile = readProcfile(options.procfile);
  return procfile.ok ? (procfile.value.entries.find((entry) => entry.name === name)?.command ?? null) : null;
}

function failed(message: string): number {
  complain(message);
  return exitCode.failed;
}
