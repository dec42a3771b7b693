/** Carries the Raft core's own lines into the member's log, as etcd does: logger "raft", its words unchanged. */
import type { RaftLogger } from '../../raft/types.ts';
import type { Logger } from '../log/logger.ts';

export function raftLogger(logger: Logger): RaftLogger {
  const raft = logger.named('raft').at('raft/raft.ts');
  return {
    debugEnabled: raft.enabled('debug'),
    debug: (text) => raft.debug(text),
    info: (text) => raft.info(text),
    warning: (text) => raft.warn(text),
    error: (text) => raft.error(text),
  };
}
