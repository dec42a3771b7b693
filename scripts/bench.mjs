// `npm run bench [-- NAME [ARGS]]`: bundles bench/NAME.ts (default: etcd) into dist/bench and runs it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [name = 'etcd', ...args] = process.argv.slice(2);
const source = join(root, 'bench', `${name}.ts`);
if (!existsSync(source)) {
  const names = readdirSync(join(root, 'bench')).filter((file) => file.endsWith('.ts'));
  console.error(`bench: no bench/${name}.ts; there are: ${names.map((file) => file.slice(0, -3)).join(', ')}`);
  process.exit(2);
}
const outfile = join(root, 'dist', 'bench', `${name}.mjs`);
await build({
  entryPoints: [source],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'esm',
  external: ['@lydell/node-pty'], // native
  logLevel: 'warning',
});
process.argv = [process.argv[0], outfile, ...args];
await import(pathToFileURL(outfile).href);
