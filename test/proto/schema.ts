/** The schemas under testdata, loaded by protobufjs: an independent codec to compare ours with. */
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const root = fileURLToPath(new URL('../testdata/proto/', import.meta.url));

export function loadSchemas(...files: readonly string[]): protobuf.Root {
  const schemas = new protobuf.Root();
  schemas.resolvePath = (_origin, target) => root + target;
  schemas.loadSync([...files], { keepCase: true });
  return schemas;
}
