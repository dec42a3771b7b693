/** A defragmentation that a client asked for, with the lines that etcd logs of it. */
import { Duration } from '../../base/duration.ts';
import { humanBytes } from '../../base/human-bytes.ts';
import type { Clock } from '../../base/ports.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type RpcError, statusCode } from '../grpc/status.ts';
import type { Logger } from '../log/logger.ts';
import type { Backend } from '../storage/backend/backend.ts';
import { databaseSizes } from './log-lines.ts';

/** `path` is the database's, for the log. */
export async function defragment(
  backend: Backend,
  path: string,
  clock: Clock,
  logger: Logger,
): Promise<Result<void, RpcError>> {
  const before = { size: backend.size(), inUse: backend.inUse(), atMs: clock.monotonicMs() };
  logger.info('starting defragment');
  logger.info('defragmenting', { path, ...databaseSizes(backend) });
  try {
    await backend.defragment();
  } catch (problem) {
    const error = problem instanceof Error ? problem.message : String(problem);
    logger.warn('failed to defragment', { error });
    return err({ code: statusCode.unknown, message: error });
  }
  const [size, inUse] = [backend.size(), backend.inUse()];
  logger.info('finished defragmenting directory', {
    path,
    'current-db-size-bytes-diff': size - before.size,
    'current-db-size-bytes': size,
    'current-db-size': humanBytes(size),
    'current-db-size-in-use-bytes-diff': inUse - before.inUse,
    'current-db-size-in-use-bytes': inUse,
    'current-db-size-in-use': humanBytes(inUse),
    took: Duration.fromMs(clock.monotonicMs() - before.atMs),
  });
  logger.info('finished defragment');
  return ok(undefined);
}
