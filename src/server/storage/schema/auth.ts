/** What the bucket `auth` holds before anybody turns authentication on: etcd writes it into every database that it creates. */
import type { Backend } from '../backend/backend.ts';
import { putPair } from './pairs.ts';

const revisionKey = Buffer.from('authRevision');
const firstRevision = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]);

/** Does nothing to a database that has its revision. */
export function initializeAuth(backend: Backend): void {
  if (backend.get('auth', revisionKey) === null) putPair(backend, 'auth', revisionKey, firstRevision);
}
