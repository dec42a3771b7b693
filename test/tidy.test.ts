/**
 * The rules of the house that no tool enforces: the import matrix (ARCHITECTURE.md, "Imports point down only"), purity of
 * the cores, and words that have no place in a finished file.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

const sources = filesBelow('src');

/** The longest matching prefix names a file's layer; a layer may import itself and the layers listed for it. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  'src/base': [],
  'src/proto': ['src/base'],
  'src/raft': ['src/proto', 'src/base'],
  'src/server/log': ['src/base'],
  'src/server/metrics': ['src/base'],
  'src/server/config': ['src/server/log', 'src/base'],
  'src/server/http2': ['src/base', 'src/server/grpc/status.ts'],
  'src/server/grpc': ['src/server/http2', 'src/proto', 'src/base'],
  'src/server/storage': ['src/proto', 'src/base'],
  'src/server/mvcc': ['src/server/storage', 'src/proto', 'src/base'],
  'src/server/cluster': ['src/proto', 'src/base'],
  'src/server/lease': ['src/server/mvcc', 'src/server/storage', 'src/base'],
  'src/server/apply': [
    'src/server/mvcc',
    'src/server/lease',
    'src/server/storage',
    'src/server/cluster',
    'src/server/grpc/status.ts',
    'src/proto',
    'src/base',
  ],
  'src/server/peer': ['src/server/cluster', 'src/proto', 'src/base'],
  'src/server/member': [
    'src/server/apply',
    'src/server/lease',
    'src/server/mvcc',
    'src/server/cluster',
    'src/server/peer',
    'src/server/storage',
    'src/server/metrics',
    'src/server/log',
    'src/server/config',
    'src/server/grpc/status.ts',
    'src/raft',
    'src/proto',
    'src/base',
  ],
  'src/server/grpc/services': [
    'src/server/grpc',
    'src/server/member',
    'src/server/apply',
    'src/server/mvcc',
    'src/server/cluster',
    'src/proto',
    'src/base',
  ],
  'src/server/gateway': [
    'src/server/grpc',
    'src/server/member',
    'src/server/metrics',
    'src/server/mvcc',
    'src/server/cluster',
    'src/proto',
    'src/base',
  ],
  'src/server': ['src/server', 'src/raft', 'src/proto', 'src/base'],
  'src/sim': ['src/server', 'src/raft', 'src/proto', 'src/base'],
  'src/supervisor': ['src/client/http-get.ts', 'src/base'],
  'src/client': ['src/proto', 'src/base'],
  'src/chaos': ['src/supervisor', 'src/client', 'src/base'],
  // Of the supervisor and the faults only types and pure models.
  'src/ui': ['src/supervisor', 'src/chaos', 'src/base'],
  'src/cli': ['src/ui', 'src/chaos', 'src/supervisor', 'src/client', 'src/base'],
};

const pureFolders = [
  'src/base',
  'src/proto',
  'src/raft',
  'src/server/mvcc',
  'src/server/apply',
  'src/server/lease',
  'src/supervisor/procfile',
  'src/supervisor/export',
  'src/supervisor/env-file',
  'src/ui/input',
  'src/ui/view-model',
  ...[
    'event-text',
    'leader-periods',
    'leadership',
    'links',
    'member-facts',
    'metrics-text',
    'raft-lines',
    'sharing',
    'zap',
  ].map((file) => `src/supervisor/observe/${file}.ts`),
  ...['cast', 'command', 'compose', 'cut', 'links', 'parse', 'plan', 'view'].map(
    (file) => `src/chaos/faults/${file}.ts`,
  ),
];
const impure =
  /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|Math\.random|Date\.now|new Date|performance\.now|process\.(?:env|hrtime|nextTick))\b/;

function layerOf(file: string): string {
  const layers = Object.keys(mayImport).filter((layer) => file === layer || file.startsWith(`${layer}/`));
  const layer = layers.sort((a, b) => b.length - a.length)[0];
  if (layer === undefined) throw new Error(`${file} belongs to no layer: add it to the import matrix`);
  return layer;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s(?:[^;'"]*?\sfrom\s)?'([^']+)'/gm);
  const calls = text.matchAll(/\bimport\('([^']+)'\)/g);
  return [...statements, ...calls].map((match) => match[1] ?? '');
}

function within(target: string, allowed: string): boolean {
  return target === allowed || target.startsWith(`${allowed}/`);
}

describe('the source tree', () => {
  it('imports point down only', () => {
    const violations: string[] = [];
    for (const file of sources) {
      const layer = layerOf(file);
      const allowed = [layer, ...(mayImport[layer] ?? [])];
      for (const specifier of importsOf(file)) {
        if (!specifier.startsWith('.')) continue;
        const target = posix.join(dirname(file), specifier);
        if (!allowed.some((prefix) => within(target, prefix))) violations.push(`${file} imports ${target}`);
      }
    }
    expect(violations).toEqual([]);
  });

  it('pure folders touch no I/O, clock, randomness or environment', () => {
    const violations: string[] = [];
    for (const file of sources.filter((candidate) => pureFolders.some((folder) => within(candidate, folder)))) {
      for (const specifier of importsOf(file)) {
        if (!specifier.startsWith('.')) violations.push(`${file} imports ${specifier}`);
      }
      const code = readFileSync(join(root, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      const found = impure.exec(code);
      if (found !== null) violations.push(`${file} uses ${found[0]}`);
    }
    expect(violations).toEqual([]);
  });

  it('has no barrels, default exports or unfinished business', () => {
    const violations: string[] = [];
    for (const file of sources) {
      const text = readFileSync(join(root, file), 'utf8');
      if (posix.basename(file) === 'index.ts') violations.push(`${file} is a barrel`);
      if (/^export default/m.test(text)) violations.push(`${file} has a default export`);
      if (/\b(?:TODO|FIXME|XXX|HACK)\b/.test(text)) violations.push(`${file} holds unfinished business`);
    }
    expect(violations).toEqual([]);
  });

  it('every exported name is used outside its file or by a test', () => {
    const texts = new Map(
      [...sources, ...filesBelow('test'), ...filesBelow('bench')].map((file) => [
        file,
        readFileSync(join(root, file), 'utf8'),
      ]),
    );
    const words = new Map<string, Set<string>>();
    for (const [file, text] of texts) {
      for (const word of new Set(text.match(/[A-Za-z_$][\w$]*/g))) {
        const files = words.get(word) ?? new Set<string>();
        files.add(file);
        words.set(word, files);
      }
    }
    const unused: string[] = [];
    for (const file of sources) {
      for (const match of (texts.get(file) ?? '').matchAll(
        /^export (?:async )?(?:function|const|class)\*? ([\w$]+)/gm,
      )) {
        const name = match[1] ?? '';
        if ((words.get(name)?.size ?? 0) < 2) unused.push(`${file}: ${name}`);
      }
    }
    expect(unused).toEqual([]);
  });

  it('every declared dependency is imported, and nothing else is', () => {
    const manifest: { dependencies: Record<string, string>; devDependencies: Record<string, string> } = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    );
    const packageOf = (specifier: string) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
    const used = new Set(
      sources
        .flatMap(importsOf)
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .map(packageOf),
    );
    expect([...used].sort()).toEqual(Object.keys(manifest.dependencies).sort());
  });
});
