// Bundles the two programs and lays out dist/: clusterctl.js (the CLI), etcd.js (the member, from etcd.bundle.js and its compiled code), backend-worker.js (the thread of
// the member's database), shims/ (names for the PATH of
// supervised processes). Bundled because start-up counts: one file to read instead of a tree of modules.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
// Built beside the old one and swapped at the end: whoever runs the old one meanwhile never sees half of a build, nor do two builds at once.
const final = join(root, 'dist');
const dist = join(root, 'dist.new', String(process.pid));
const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

await rm(dist, { recursive: true, force: true });
await mkdir(join(dist, 'shims'), { recursive: true });

// Parsers of files that few runs read, and the dashboard with React, are most of the code of clusterctl: files of their own, loaded late.
const late = { config: 'src/supervisor/config/parse.ts', settings: 'src/cli/settings-file.ts' };
const dashboard = 'src/ui/open.ts';
const loadLate = {
  name: 'load-late',
  setup({ onResolve }) {
    onResolve({ filter: /\/(?:config\/parse|settings-file|ui\/open)\.ts$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const file = join(resolveDir, path);
      if (file === join(root, dashboard)) return { path: './dashboard.mjs', external: true };
      const name = Object.keys(late).find((one) => join(root, late[one]) === file);
      return name === undefined ? undefined : { path: `./${name}.js`, external: true };
    });
  },
};
// What Ink loads for developers alone: an import that would have to be there.
const withoutDevtools = {
  name: 'without-devtools',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^react-devtools-core$/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'export default {};' }));
  },
};
const common = {
  absWorkingDir: root,
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  // CommonJS starts some milliseconds sooner than ESM on Node 20.
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { 'process.env.CLUSTERCTL_VERSION': JSON.stringify(version) },
  logLevel: 'warning',
};
await build({ ...common, entryPoints: { clusterctl: 'src/cli/main.ts', ...late }, plugins: [loadLate] });
await build({
  ...common,
  entryPoints: { dashboard },
  // Ink's layout engine waits at the top level, which only ESM can.
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  jsx: 'automatic',
  // React's development build costs a fifth more of everything.
  define: { ...common.define, 'process.env.NODE_ENV': '"production"', 'process.env.DEV': '"false"' },
  plugins: [withoutDevtools],
  banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
});
await build({
  ...common,
  entryPoints: {
    'etcd.bundle': 'src/server/main.ts',
    'backend-worker': 'src/server/storage/backend/worker.ts',
    // The thread of the fault fabric; only runs with real members load it.
    fabric: 'src/chaos/fabric/worker.ts',
  },
  // A function that comes from the code cache has lost the callback that import() needs: it becomes require().
  supported: { 'dynamic-import': false },
});
await writeFile(join(dist, 'package.json'), '{"type":"commonjs"}\n');

const shims = join(root, 'scripts', 'shims');
for (const name of await readdir(shims)) {
  await copyFile(join(shims, name), join(dist, 'shims', name));
  await chmod(join(dist, 'shims', name), 0o755);
}
await copyFile(join(root, 'scripts', 'code-cache-loader.cjs'), join(dist, 'etcd.js'));
await promisify(execFile)(process.execPath, [join(dist, 'etcd.js'), '--version'], {
  env: { PATH: process.env.PATH, CLUSTERCTL_WRITE_CODE_CACHE: '1' },
});
await writeFile(join(dist, '.built'), '');

const old = join(root, 'dist.old', String(process.pid));
await rm(old, { recursive: true, force: true });
await mkdir(join(root, 'dist.old'), { recursive: true });
// Another build may have put its own there between the two.
for (let swapped = false; !swapped; ) {
  if (existsSync(final)) await rename(final, old).catch(ifCode('ENOENT'));
  swapped = await rename(dist, final).then(() => true, ifCode('ENOTEMPTY', 'EEXIST'));
  await rm(old, { recursive: true, force: true });
}
// Empty, unless another build is under way or was ended halfway.
for (const folder of ['dist.new', 'dist.old']) await rmdir(join(root, folder)).catch(ifCode('ENOENT', 'ENOTEMPTY'));

/** Lets these errors pass, as false. */
function ifCode(...codes) {
  return (error) => {
    if (codes.includes(error.code)) return false;
    throw error;
  };
}
