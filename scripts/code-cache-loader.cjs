// dist/etcd.js: runs etcd.bundle.js with the code that V8 compiled when it was built, some 20 ms sooner than from source. Another version of
// Node refuses that code and compiles the source, which is all there is to it. With CLUSTERCTL_WRITE_CODE_CACHE set, it writes the code
// at its end.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { constants, Script } = require('node:vm');

const filename = join(__dirname, 'etcd.bundle.js');
const cacheFile = join(__dirname, 'etcd.cache');
const source = readFileSync(filename, 'utf8');

function readCache() {
  try {
    return readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}

// Node's own wrapper of a CommonJS module: on one line, so that line numbers in stack traces stay right.
const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
  filename,
  cachedData: readCache(),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
if (process.env.CLUSTERCTL_WRITE_CODE_CACHE !== undefined) {
  process.on('exit', () => writeFileSync(cacheFile, script.createCachedData()));
}
script.runInThisContext()(exports, require, module, filename, __dirname);
