/** What a process is at this moment, in a word and a sign: the sign says it without colours, the word without knowing the sign. Pure. */
import type { FaultFacts, LinkFacts, Observation, ProcessFacts } from '../../supervisor/observe/model.ts';
import type { StyleName } from '../theme.ts';
import { printable } from './line.ts';

export interface RoleView {
  readonly badge: string;
  readonly text: string;
  readonly style: StyleName;
}

/** How much of its links a member has lost to faults. */
export type Reach = 'whole' | 'partly' | 'cut-off';

export function roleView(process: ProcessFacts, reach: Reach): RoleView {
  switch (process.state) {
    case 'waiting':
      return { badge: '…', text: 'waiting', style: 'dim' };
    case 'stopping':
      return { badge: '▪', text: 'stopping', style: 'warn' };
    case 'stopped': {
      if (process.ended === null) return { badge: '○', text: 'not started', style: 'dim' };
      const text = endText(process.ended);
      return text === 'exit 0'
        ? { badge: '○', text: 'down, exit 0', style: 'dim' }
        : { badge: '✗', text: `down, ${text}`, style: 'bad' };
    }
    case 'paused':
      return { badge: '‖', text: 'paused', style: 'fault' };
    case 'running':
      return withReach(runningRole(process), reach);
  }
}

/** The sentence as it fits into a column: `SIGKILL`, `exit 1`. */
function endText(ended: string): string {
  return printable(ended.replace(/^terminated by /, '').replace(/^exited with (?:code )?/, 'exit '));
}

function runningRole({ member, ready }: ProcessFacts): RoleView {
  if (member === null)
    return { badge: '●', text: ready ? 'running' : 'running, not ready', style: ready ? 'good' : 'warn' };
  switch (member.role) {
    case 'leader':
      return { badge: '★', text: 'leader', style: 'leader' };
    case 'follower':
      return member.leader === '0'
        ? { badge: '∘', text: 'no leader', style: 'bad' }
        : { badge: '●', text: 'follower', style: 'good' };
    case 'candidate':
      return { badge: '▲', text: 'candidate', style: 'warn' };
    case 'pre-candidate':
      return { badge: '△', text: 'pre-candidate', style: 'warn' };
    case 'learner':
      return { badge: '◇', text: 'learner', style: 'accent' };
    case null:
      return { badge: '…', text: 'starting', style: 'dim' };
  }
}

function withReach(role: RoleView, reach: Reach): RoleView {
  if (reach === 'cut-off') return { badge: '≠', text: `cut off, ${cutOffRole(role)}`, style: 'fault' };
  return reach === 'partly' ? { ...role, text: `${role.text} ≠` } : role;
}

/** Who hears nobody campaigns again and again: between two tries it is no other thing than while it tries. */
function cutOffRole({ badge, text }: RoleView): string {
  return badge === '▲' || badge === '△' ? 'no leader' : text;
}

/** By the faults that cut links: all directions of all of its links, or some. */
export function reachOf(name: string, { links, faults }: Pick<Observation, 'links' | 'faults'>): Reach {
  const mine = links.filter((link) => link.from === name || link.to === name);
  const cut = mine.filter((link) => isCut(link, faults)).length;
  if (cut === 0) return 'whole';
  return cut === mine.length ? 'cut-off' : 'partly';
}

export function isCut(link: LinkFacts, faults: readonly FaultFacts[]): boolean {
  return faults.some((fault) => link.faults.includes(fault.id) && isPartition(fault));
}

function isPartition(fault: FaultFacts): boolean {
  return /^(?:fault )?(?:partition|cut)\b/.test(fault.command);
}
