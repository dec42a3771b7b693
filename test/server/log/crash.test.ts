import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';

/** A program that sets up crash logging and then does `body`, as one bundled module text. */
async function program(body: string): Promise<string> {
  const result = await build({
    stdin: {
      contents: `import { openLogger } from './src/server/log/open.ts';
        import { installCrashLogging } from './src/server/log/crash.ts';
        const opened = openLogger({ level: 'info', format: 'json', outputs: ['default'] });
        if (!opened.ok) throw new Error(opened.error);
        const logger = opened.value;
        installCrashLogging(logger, (error) => error instanceof RangeError);
        ${body}`,
      resolveDir: fileURLToPath(new URL('../../../', import.meta.url)),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function run(body: string): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', await program(body)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, stderr };
}

function jsonLines(stderr: string): { level: string; msg: string; error?: string; stacktrace?: string }[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('a process that crashes', () => {
  beforeAll(() => program(''), 20_000);

  test.each([
    ['an exception', `setTimeout(() => { throw new Error('boom'); });`, 'uncaughtException'],
    ['a rejection', `void Promise.reject(new Error('boom'));`, 'unhandledRejection'],
    ['something that is no error', `setTimeout(() => { throw 'boom'; });`, 'uncaughtException'],
  ])('logs %s as one fatal line and exits 2', async (_what, body, origin) => {
    const { code, stderr } = await run(`logger.info('before'); ${body}`);
    expect(code).toBe(2);
    const lines = jsonLines(stderr);
    expect(lines.map((line) => line.level)).toEqual(['info', 'fatal']);
    expect(lines[1]).toMatchObject({ msg: `crashed: ${origin}`, error: 'boom' });
  });

  test('logs damage that a read has met as one fatal line without a stack, and exits 1', async () => {
    const { code, stderr } = await run(`setTimeout(() => { throw new RangeError('page 7 was changed'); });`);
    expect(code).toBe(1);
    const [line, ...others] = jsonLines(stderr);
    expect(others).toEqual([]);
    expect(line).toMatchObject({ level: 'fatal', error: 'page 7 was changed' });
    expect(line?.msg).toContain('the data directory is corrupt');
    expect(line?.stacktrace).toBeUndefined();
  });

  test('turns warnings of the runtime into warn lines', async () => {
    const { code, stderr } = await run(`process.emitWarning('old thing', 'DeprecationWarning');`);
    expect(code).toBe(0);
    expect(jsonLines(stderr)).toMatchObject([{ level: 'warn', msg: 'runtime warning', error: 'old thing' }]);
  });

  test('writes what is pending when it exits at once', async () => {
    const { code, stderr } = await run(`for (let i = 0; i < 1000; i++) logger.info('line ' + i); process.exit(3);`);
    expect(code).toBe(3);
    expect(jsonLines(stderr).length).toBe(1000);
  });
});
