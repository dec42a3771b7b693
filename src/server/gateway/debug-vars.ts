/** /debug/vars: the variables that etcd publishes through Go's expvar, as far as this process has them. */
import { readFileSync } from 'node:fs';
import { memoryUsage } from 'node:process';
import type { MemberApi } from '../member/api.ts';
import type { HttpAnswer } from './answer.ts';

/** What raft.status shows of the member. */
export type RaftStatusSource = Pick<
  MemberApi,
  'memberId' | 'leaderId' | 'raftTerm' | 'committedIndex' | 'appliedIndex' | 'isLearner'
>;

/** One variable a line, as expvar prints them. Of memstats only what V8 and the system know under Go's names. */
export function debugVars(member: RaftStatusSource): HttpAnswer {
  const memory = memoryUsage();
  const variables = {
    cmdline: process.argv.slice(1),
    file_descriptor_limit: fileDescriptorLimit(),
    memstats: { Alloc: memory.heapUsed, Sys: memory.rss, HeapAlloc: memory.heapUsed, HeapSys: memory.heapTotal },
    'raft.status': {
      id: member.memberId.toString(16),
      term: member.raftTerm(),
      commit: member.committedIndex(),
      lead: member.leaderId().toString(16),
      raftState: member.leaderId() === member.memberId ? 'StateLeader' : 'StateFollower',
      applied: member.appliedIndex(),
    },
  };
  const lines = Object.entries(variables).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    body: `{\n${lines.join(',\n')}\n}\n`,
  };
}

/** The soft limit of open files; 0 where the system does not tell. */
function fileDescriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
