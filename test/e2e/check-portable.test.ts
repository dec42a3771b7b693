/** `clusterctl check --portable`, as a person and as a program use it. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Installation } from './supervisor-harness.ts';
import { install, Run } from './supervisor-harness.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await install();
});
afterAll(() => installation.remove());

async function check(procfile: string, ...args: readonly string[]) {
  const folder = mkdtempSync(join(installation.folder, 'case-'));
  writeFileSync(join(folder, 'Procfile'), procfile);
  const run = new Run(installation, { cwd: folder, args: ['check', '--portable', ...args] });
  const { code } = await run.ended;
  return { code, stdout: run.stdout.toString(), stderr: run.stderr };
}

describe('clusterctl check --portable', () => {
  it('exits 0 for a file that all tools read alike', async () => {
    expect(await check('web: node server.js\ndb: postgres\n')).toEqual({
      code: 0,
      stdout: 'portable: goreman, foreman, forego, overmind, hivemind and node-foreman run the same (web, db)\n',
      stderr: '',
    });
  });

  it('exits 1 and says where the tools differ', async () => {
    expect(await check('web:node server.js\ndb: cd data && postgres\n')).toEqual({
      code: 1,
      stdout:
        'Procfile:1:5: in overmind and hivemind, this line is ignored (put a blank after the colon)\n' +
        'Procfile:2:5: in forego, it does not run: exec is put before it, and cd is no program ' +
        "(put it into a script, or into sh -c '…')\n" +
        'not portable: 2 differences in 2 lines\n',
      stderr: '',
    });
  });

  it('gives every reading of every line to programs', async () => {
    const { code, stdout } = await check('web:x\n', '--json');
    expect(code).toBe(1);
    const entry = { type: 'entry', name: 'web', command: 'x', port: 5000 };
    const nothing = { type: 'nothing' };
    const line = { overmind: nothing, hivemind: nothing, goreman: entry, foreman: entry, forego: entry };
    const blank = { overmind: nothing, hivemind: nothing, goreman: nothing, foreman: nothing, forego: nothing };
    expect(JSON.parse(stdout)).toEqual({
      version: 1,
      file: 'Procfile',
      portable: false,
      entries: ['web'],
      differences: [
        {
          line: 1,
          column: 5,
          code: 'no-blank',
          tools: ['overmind', 'hivemind'],
          message: 'this line is ignored',
          hint: 'put a blank after the colon',
        },
      ],
      lines: [
        { line: 1, text: 'web:x', tools: { ...line, 'node-foreman': entry } },
        { line: 2, text: '', tools: { ...blank, 'node-foreman': nothing } },
      ],
    });
  });

  it('takes a file without entries for the mistake that it is', async () => {
    const { code, stderr } = await check('# nothing\n');
    expect(code).toBe(1);
    expect(stderr).toBe('clusterctl: Procfile: no valid entry: write a line such as `web: node server.js`\n');
  });
});
