/** What the exit code of `start` says about its processes. Pure. */
import { unreachable } from '../base/assert.ts';
import type { RunResult } from '../supervisor/supervisor.ts';
import { exitCode } from './exit-codes.ts';

/** goreman: only `--exit-on-error` fails. first, max: of the exit codes of all processes. */
export type ExitPolicy = 'goreman' | 'first' | 'max';

/** Numbers of the signals that end processes by themselves; a shell adds them to 128. */
const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** Signals that we sent ourselves while everything was being ended are no failures. */
export function exitCodeOf({ failure, ends }: RunResult, policy: ExitPolicy): number {
  const codes = ends.map(({ exit, stopping }) => {
    if (exit.signal === null) return exit.code ?? exitCode.failed;
    return stopping ? 0 : 128 + (signalNumbers[exit.signal] ?? 0);
  });
  switch (policy) {
    case 'goreman':
      return failure === null ? exitCode.ok : exitCode.failed;
    case 'first':
      return codes.find((code) => code !== 0) ?? exitCode.ok;
    case 'max':
      return Math.max(exitCode.ok, ...codes);
    default:
      return unreachable(policy);
  }
}
