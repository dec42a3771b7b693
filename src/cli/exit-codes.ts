/** Every exit code of the `clusterctl` command. A process that `run` starts in the foreground passes its own code through. */
export const exitCode = {
  ok: 0,
  /** What was asked for could not be done. */
  failed: 1,
  /** The command line, the Procfile or another input is wrong. */
  usage: 2,
  /** What was waited for did not come in time; timeout(1) says the same. */
  timedOut: 124,
} as const;
