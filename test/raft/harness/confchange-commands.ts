/** Runs the commands of membership transcripts: each changes a configuration and prints it with everyone's progress. */
import { err, type Result } from '../../../src/base/result.ts';
import { enterJoint, leaveJoint, type Membership, simpleChange } from '../../../src/raft/confchange.ts';
import { emptyConfiguration, formatConfiguration } from '../../../src/raft/tracker/configuration.ts';
import { describeProgress } from '../../../src/raft/tracker/progress.ts';
import { booleanOf } from './arguments.ts';
import type { Block } from './data-driven.ts';
import { parseChanges } from './describe.ts';

export class ConfChangeCommands {
  private membership: Membership = { configuration: emptyConfiguration, progress: new Map() };
  /** Grows by one with each command, so that newcomers can be told apart. */
  private lastIndex = 0;

  run(block: Block): string {
    try {
      const changed = this.change(block);
      if (!changed.ok) return `${changed.error}\n`;
      this.membership = changed.value;
      return describe(changed.value);
    } catch (error) {
      if (!(error instanceof Error) || error.name === 'InvariantError') throw error;
      return error.message;
    } finally {
      this.lastIndex++;
    }
  }

  private change(block: Block): Result<Membership, string> {
    const { membership } = this;
    const defaults = { lastIndex: this.lastIndex, inflightsMax: 10, inflightBytesMax: Number.POSITIVE_INFINITY };
    const changes = parseChanges(block.input);
    switch (block.command) {
      case 'simple':
        return simpleChange(membership, changes, defaults);
      case 'enter-joint':
        return enterJoint(membership, changes, booleanOf(block, 'autoleave') ?? false, defaults);
      case 'leave-joint':
        return changes.length > 0 ? err('this command takes no input') : leaveJoint(membership, defaults);
      default:
        throw new Error('unknown command');
    }
  }
}

function describe({ configuration, progress }: Membership): string {
  const lines = [...progress].map(([id, each]) => `${id}: ${describeProgress(each)}\n`);
  return `${formatConfiguration(configuration)}\n${lines.join('')}`;
}
