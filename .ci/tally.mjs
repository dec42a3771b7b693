// tally.mjs FOLDER PASSED FAILED: sums what reporter.mjs wrote with the counts of checks that are no vitest suites, names every
// test that failed, and every one that passed only when its file was run again. `tally.mjs --failed FILE` lists the files to run again.
import { readdirSync, readFileSync } from 'node:fs';

const read = (file) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const [folder, passedChecks, failedChecks] = process.argv.slice(2);
if (folder === '--failed') {
  const failed = read(passedChecks).filter(({ state }) => state === 'failed');
  console.log([...new Set(failed.map(({ file }) => file))].join('\n'));
} else {
  const count = { passed: Number(passedChecks), failed: Number(failedChecks), skipped: 0 };
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.results'))) {
    const results = new Map();
    for (const result of read(`${folder}/${name}`)) results.set(`${result.file} > ${result.name}`, result);
    let again = [];
    try {
      again = read(`${folder}/${name}.again`);
    } catch {}
    const files = new Set(again.map(({ file }) => file));
    // A failed hook has a result only when it fails: its file's second run is the one that counts.
    for (const [test, { file, state, message }] of [...results]) {
      if (!files.has(file) || state !== 'failed') continue;
      results.delete(test);
      console.log(`failed at first: ${test}\n${message.replace(/^/gm, '    ')}`);
    }
    for (const result of again) results.set(`${result.file} > ${result.name}`, result);
    for (const [test, { state, message }] of results) {
      count[state] += 1;
      if (state === 'failed') console.log(`FAILED: ${test}\n${message.replace(/^/gm, '    ')}`);
    }
  }
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  process.exitCode = count.failed === 0 ? 0 : 1;
}
