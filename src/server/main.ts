/** The `etcd` command: flags in, a member out, and the way a process of it ends. */
import { readFileSync } from 'node:fs';
import { parseCommand } from './config/command.ts';
import type { EtcdConfig } from './config/config.ts';
import { logAndExit, startLogging } from './config/startup.ts';
import { corruptDataText, installCrashLogging } from './log/crash.ts';
import type { RootLogger } from './log/logger.ts';
import { isCorruption } from './storage/bolt/errors.ts';

async function main(): Promise<void> {
  const command = await parseCommand({
    program: 'etcd',
    args: process.argv.slice(2),
    environment: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  switch (command.type) {
    case 'version':
      process.stdout.write(command.text);
      return;
    case 'help':
      process.stderr.write(command.usage);
      process.stdout.write(command.text);
      return;
    case 'usageError':
      process.stderr.write(command.text);
      process.exitCode = command.exitCode;
      return;
    case 'subcommand':
      process.stderr.write(
        `etcd ${command.name} is not part of this version: connect to the members' client URLs directly\n`,
      );
      process.exitCode = 1;
      return;
    case 'invalid':
      process.exitCode = logAndExit(command).exitCode;
      return;
    case 'run': {
      const started = startLogging(command.config.log, command.lines);
      if (started.type === 'exit') process.exitCode = started.exitCode;
      else await run(command.config, started.logger);
    }
  }
}

async function run(config: EtcdConfig, logger: RootLogger): Promise<void> {
  installCrashLogging(logger, isCorruption);
  const log = logger.at('main.ts');
  // Imported only now: the commands that answer at once must not pay for reading the member's code.
  const { startEtcdServer } = await import('./etcd-server.ts');
  const started = await startEtcdServer(config, logger);
  if (!started.ok) {
    log.fatal('discovery failed', { error: started.error });
    logger.close();
    process.exit(1);
  }
  const server = started.value;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info('received signal; shutting down', { signal: signal === 'SIGTERM' ? 'terminated' : 'interrupt' });
      server.stop().finally(() => dieOf(signal, logger));
    });
  }
  const reason = await server.ended;
  if (reason.type === 'removed') {
    log.warn('server error', { error: 'the member has been permanently removed from the cluster' });
    log.warn('data-dir used by this member must be removed');
    await server.stop();
    logger.close();
    process.exit(0);
  }
  const text = isCorruption(reason.error) ? corruptDataText : 'the data directory cannot be written any more';
  log.fatal(text, { error: reason.error });
  logger.close();
  process.exit(1);
}

/** As etcd: whoever waits for the process sees that it ended by the signal, not with a code. */
function dieOf(signal: 'SIGTERM' | 'SIGINT', logger: RootLogger): void {
  logger.flush();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

main().catch((error: unknown) => {
  // Before there is a logger, or a bug in what leads to it: still one JSON line, still non-zero.
  process.stderr.write(
    `${JSON.stringify({ level: 'fatal', ts: new Date().toISOString(), caller: 'main.ts', msg: String(error) })}\n`,
  );
  process.exit(2);
});
