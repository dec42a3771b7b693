/** What Raft's library says in etcd's log, under the name "raft" and in its words: the core's own lines, and the node's on leaders. */
import type { RaftLogger } from '../../raft/types.ts';
import { formatId } from '../cluster/ids.ts';
import type { Logger } from '../log/logger.ts';
import type { LeaderChange } from './driver.ts';

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

export function logLeaderChange(logger: Logger, localId: bigint, { term, previous, leader }: LeaderChange): void {
  const raft = logger.named('raft').at('raft/node.go');
  const local = formatId(localId);
  if (leader === 0n) raft.info(`raft.node: ${local} lost leader ${formatId(previous)} at term ${term}`);
  else if (previous === 0n) raft.info(`raft.node: ${local} elected leader ${formatId(leader)} at term ${term}`);
  else
    raft.info(`raft.node: ${local} changed leader from ${formatId(previous)} to ${formatId(leader)} at term ${term}`);
}
