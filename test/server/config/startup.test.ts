import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCommand } from '../../../src/server/config/command.ts';
import { logAndExit, startLogging } from '../../../src/server/config/startup.ts';

function parse(args: readonly string[]) {
  return parseCommand({ program: 'etcd', args, environment: {}, readFile: () => '' });
}

test('what is known before the member starts goes to the outputs that were asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'startup-'));
  try {
    const path = join(folder, 'etcd.log');
    const command = await parse(['--name=a', `--log-outputs=${path}`, '--log-format=console']);
    if (command.type !== 'run') throw new Error(command.type);
    const started = startLogging(command.config.log, command.lines);
    if (started.type !== 'logging') throw new Error('no logger');
    started.logger.close();
    const messages = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[3]);
    expect(messages).toEqual([
      'Running http and grpc server on single port. This is not recommended for production.',
      'Running: ',
      "'data-dir' was empty; using default",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an invalid command is logged where it asked to log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'startup-'));
  try {
    const path = join(folder, 'etcd.log');
    const command = await parse([`--log-outputs=${path}`, '--election-timeout=1']);
    if (command.type !== 'invalid') throw new Error(command.type);
    expect(logAndExit(command)).toEqual({ type: 'exit', exitCode: 1 });
    expect(readFileSync(path, 'utf8')).toContain('--election-timeout[1ms] should be at least as 5 times');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
