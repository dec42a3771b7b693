/** Runs one transcript, whichever of the three kinds it is. */
import type { Random } from '../../../src/base/ports.ts';
import { ConfChangeCommands } from './confchange-commands.ts';
import { type Block, mismatch, parseBlocks } from './data-driven.ts';
import { Interaction } from './interaction.ts';
import { runQuorumCommand } from './quorum-commands.ts';

/** Runs all commands of a transcript. Returns the first difference from what it expects, with its place, or null. */
export function runTrace(file: string, text: string, random: Random): string | null {
  const blocks = parseBlocks(file, text);
  const run = runnerFor(blocks, random);
  for (const block of blocks) {
    const difference = mismatch(file, block, runBlock(file, block, run));
    if (difference !== null) return difference;
  }
  return null;
}

type Runner = (block: Block) => string;

function runBlock(file: string, block: Block, run: Runner): string {
  try {
    return run(block);
  } catch (error) {
    throw new Error(`${file}:${block.line}: \`${block.command}\` failed`, { cause: error });
  }
}

const quorumCommands: ReadonlySet<string> = new Set(['committed', 'vote']);
const confChangeCommands: ReadonlySet<string> = new Set(['simple', 'enter-joint', 'leave-joint']);

function runnerFor(blocks: readonly Block[], random: Random): Runner {
  const first = blocks[0]?.command ?? '';
  if (quorumCommands.has(first)) return runQuorumCommand;
  if (confChangeCommands.has(first)) {
    const commands = new ConfChangeCommands();
    return (block) => commands.run(block);
  }
  const interaction = new Interaction(random);
  return (block) => interaction.run(block);
}
