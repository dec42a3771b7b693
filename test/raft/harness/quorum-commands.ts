/** Runs the commands of quorum transcripts: what index, or what vote, a majority or joint quorum arrives at. */
import { bothOutcomes, jointVote, sortedIds } from '../../../src/raft/quorum/joint.ts';
import { majorityIndex, majorityVote, type VoteResult } from '../../../src/raft/quorum/majority.ts';
import { id, valuesOf } from './arguments.ts';
import type { Block } from './data-driven.ts';

type Ids = readonly bigint[];
type Acked = ReadonlyMap<bigint, number>;

/** Runs `committed` or `vote`. The checks print only what contradicts the answer. */
export function runQuorumCommand(block: Block): string {
  const incoming = sortedIds(new Set(valuesOf(block, 'cfg').map(id)));
  const second = valuesOf(block, 'cfgj');
  const joint = second.length > 0;
  const secondIds = second.length === 1 && second[0] === 'zero' ? [] : second.map(id);
  const outgoing = sortedIds(new Set(secondIds));
  // Inputs belong to the voters in the order of their first mention.
  const mentioned = [...new Set([...valuesOf(block, 'cfg').map(id), ...secondIds])];
  const inputs = valuesOf(block, block.command === 'vote' ? 'votes' : 'idx');
  if (inputs.length !== mentioned.length) {
    const voters = sortedIds(mentioned).map((each) => `${each}:{}`);
    return `error: mismatched input (explicit or _) for voters map[${voters.join(' ')}]: [${inputs.map(inputNumber).join(' ')}]`;
  }
  const given = mentioned.map((voter, position): [bigint, string] => [voter, inputs[position] ?? '_']);
  const known = given.filter(([, input]) => input !== '_');
  switch (block.command) {
    case 'committed': {
      const acked = new Map(known.map(([voter, input]): [bigint, number] => [voter, Number(id(input))]));
      return joint ? jointCommitted(incoming, outgoing, acked) : majorityCommitted(incoming, acked);
    }
    case 'vote': {
      const votes = new Map(known.map(([voter, input]): [bigint, boolean] => [voter, parseVote(input)]));
      return joint ? jointVoted(incoming, outgoing, votes) : `${voteName(majorityVote(incoming, votes))}\n`;
    }
    default:
      throw new Error(`unknown command: ${block.command}`);
  }
}

/** An input as the reference's runner keeps it. */
function inputNumber(input: string): string {
  const numbers: Readonly<Record<string, string>> = { _: '0', n: '1', y: '2' };
  return numbers[input] ?? input;
}

function committedIndex(voters: Ids, acked: Acked): number {
  return majorityIndex(voters.map((voter) => acked.get(voter) ?? 0));
}

function majorityCommitted(voters: Ids, acked: Acked): string {
  const index = committedIndex(voters, acked);
  let text = describe(voters, acked);
  const byCounting = countedIndex(voters, acked);
  if (byCounting !== index) text += `${indexName(byCounting)} <-- via alternative computation\n`;
  const zeroJoint = Math.min(index, committedIndex([], acked));
  if (zeroJoint !== index) text += `${indexName(zeroJoint)} <-- via zero-joint quorum\n`;
  for (const voter of voters) {
    const own = acked.get(voter) ?? 0;
    if (own === 0 || index <= own) continue;
    // A voter who is behind the result stays irrelevant when it falls back further.
    for (const lower of [own - 1, 0]) {
      const overlaid = committedIndex(voters, new Map([...acked, [voter, lower]]));
      if (overlaid !== index) text += `${indexName(overlaid)} <-- overlaying ${voter}->${lower}`;
    }
  }
  return `${text}${indexName(index)}\n`;
}

function jointCommitted(incoming: Ids, outgoing: Ids, acked: Acked): string {
  const index = Math.min(committedIndex(incoming, acked), committedIndex(outgoing, acked));
  const everyone = sortedIds(new Set([...incoming, ...outgoing]));
  return `${describe(everyone, acked)}${indexName(index)}\n`;
}

function jointVoted(incoming: Ids, outgoing: Ids, votes: ReadonlyMap<bigint, boolean>): string {
  const result = jointVote({ incoming, outgoing }, votes);
  const swapped = bothOutcomes(majorityVote(outgoing, votes), majorityVote(incoming, votes));
  const contradiction = swapped === result ? '' : `${voteName(swapped)} <-- via symmetry\n`;
  return `${contradiction}${voteName(result)}\n`;
}

/** The same result by definition: the largest acknowledged index that a majority has reached. */
export function countedIndex(voters: Ids, acked: Acked): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const reached = (index: number): number => voters.filter((voter) => (acked.get(voter) ?? 0) >= index).length;
  const candidates = voters.map((voter) => acked.get(voter) ?? 0);
  return Math.max(0, ...candidates.filter((index) => reached(index) > voters.length / 2));
}

const voteNames: Readonly<Record<VoteResult, string>> = { pending: 'VotePending', lost: 'VoteLost', won: 'VoteWon' };

function voteName(result: VoteResult): string {
  return voteNames[result];
}

function indexName(index: number): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
}

function parseVote(text: string): boolean {
  if (text !== 'y' && text !== 'n') throw new Error(`unknown vote: ${text}`);
  return text === 'y';
}

/** A drawing of who has acknowledged how much, by rank. */
function describe(voters: Ids, acked: Acked): string {
  if (voters.length === 0) return '<empty majority quorum>';
  const size = voters.length;
  const indexOf = (voter: bigint): number => acked.get(voter) ?? 0;
  const ranked = [...voters].sort((a, b) => indexOf(a) - indexOf(b) || (a < b ? -1 : 1));
  const bars = new Map<bigint, number>();
  ranked.forEach((voter, rank) => {
    const behind = ranked[rank - 1];
    bars.set(voter, behind !== undefined && indexOf(behind) < indexOf(voter) ? rank : 0);
  });
  const lines = voters.map((voter) => {
    const bar = bars.get(voter) ?? 0;
    const drawing = acked.has(voter) ? `${'x'.repeat(bar)}>${' '.repeat(size - bar)}` : `?${' '.repeat(size)}`;
    return `${drawing} ${String(indexOf(voter)).padStart(5)}    (id=${voter})\n`;
  });
  return `${' '.repeat(size)}    idx\n${lines.join('')}`;
}
