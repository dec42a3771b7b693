import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { directCommand, plainWords } from '../../src/supervisor/direct-command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'clusterctl-direct-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/show'), '#!/bin/sh\nprintf "%s|" "$0" "$@"\n');
  writeFileSync(join(folder, 'bin/closed'), '#!/bin/sh\n');
  chmodSync(join(folder, 'bin/show'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a command of plain words', () => {
  it('is run as the shell would run it', () => {
    const character = fc.constantFrom(...'aZ09_%+:,./@=- \t$*~\'"\\;&|<>(){}[]#!?`^\n');
    const word = fc.array(character, { minLength: 1, maxLength: 6 }).map((all) => all.join(''));
    fc.assert(
      fc.property(
        fc.array(word, { maxLength: 4 }),
        fc.boolean(),
        fc.constantFrom('show', './bin/show'),
        (words, exec, program) => {
          const command = [...(exec ? ['exec'] : []), program, ...words].join(' ');
          const env = { PATH: `${folder}/bin:/usr/bin:/bin` };
          const direct = directCommand(command, folder, env.PATH);
          if (direct === null) return;
          const [argv0, ...args] = direct.argv;
          const options = { cwd: folder, env, encoding: 'utf8' } as const;
          const own = spawnSync(direct.file, args, { ...options, argv0: argv0 ?? '' });
          expect(own.stdout).toBe(spawnSync('/bin/sh', ['-c', command], options).stdout);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is no command of the shell, no assignment and nothing that is expanded', () => {
    expect(plainWords('exec node  server.js --port=80 a:b,c@d%e')).toEqual([
      'node',
      'server.js',
      '--port=80',
      'a:b,c@d%e',
    ]);
    for (const command of [
      '',
      'exec',
      'A=b node',
      'echo x',
      'cd x',
      'node $X',
      'node ~',
      'a*',
      'x;y',
      '-a',
      'exec -a b c',
      'a #b',
    ]) {
      expect(plainWords(command)).toBe(null);
    }
  });

  it('is left to the shell, and its words, if there is no such program', () => {
    const path = `/nowhere:${folder}/bin`;
    expect(directCommand('show 1', '/', path)).toEqual({ file: `${folder}/bin/show`, argv: ['show', '1'] });
    expect(directCommand('show 1', folder, `bin:${path}`)).toBe(null);
    expect(directCommand('./show', `${folder}/bin`, '')?.file).toBe('./show');
    for (const command of ['closed', 'nosuch', './nosuch', './bin'])
      expect(directCommand(command, folder, path)).toBe(null);
  });
});
