// Makes `npm start` and `npm test` work from a fresh clone: installs the locked dependencies and builds dist/, each only when
// what is there is missing or older than its sources. Uses Node alone.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modifiedMs = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function newestMs(directory) {
  let newest = 0;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestMs(path) : modifiedMs(path));
  }
  return newest;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    console.error(`clusterctl: \`${command} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`);
    process.exit(1);
  }
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`clusterctl: needs Node 20.19 or newer, this is ${process.versions.node}`);
  process.exit(1);
}
const installed = join(root, 'node_modules', '.package-lock.json');
if (modifiedMs(installed) < modifiedMs(join(root, 'package-lock.json'))) run('npm', ['ci', '--no-audit', '--no-fund']);

const sources = Math.max(
  newestMs(join(root, 'src')),
  newestMs(join(root, 'scripts')),
  modifiedMs(join(root, 'package.json')),
);
if (modifiedMs(join(root, 'dist', '.built')) < sources) run(process.execPath, [join(root, 'scripts', 'build.mjs')]);
