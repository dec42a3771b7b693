/**
 * etcd-io/raft's transcripts: the same commands give the same text. `RAFT_TRACES=<folder or file> npm run test:traces` runs
 * others of the same format.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/prng.ts';
import { runTrace } from './harness/trace-file.ts';

const testdata = resolve(import.meta.dirname, '../testdata');
const given = process.env['RAFT_TRACES'];
const roots =
  given === undefined || given === ''
    ? [join(testdata, 'raft-traces'), join(testdata, 'raft-scenarios')]
    : [resolve(given)];

function traceFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !entry.name.endsWith('.md'));
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

describe.each(roots)('the transcripts in %s', (root) => {
  const files = traceFiles(root);

  test('are there', () => {
    expect(files.length).toBeGreaterThan(0);
  });

  for (const file of files) {
    const name = relative(root, file) || file;
    // Whatever the election timeouts are drawn to be.
    test.each([1, 2, 3])(`${name} is reproduced (seed %i)`, (seed) => {
      const difference = runTrace(relative(process.cwd(), file), readFileSync(file, 'utf8'), seededRandom(seed));
      expect(difference, difference ?? '').toBeNull();
    });
  }
});
