/** One node under test, with everyone else played by the test. */
import { seededRandom } from '../../../src/base/prng.ts';
import { type Entry, emptyConfState, entryType, type Message, messageType } from '../../../src/proto/raftpb.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { RawNode } from '../../../src/raft/raw-node.ts';
import type { Ready } from '../../../src/raft/ready.ts';
import { MemoryStorage } from '../../../src/raft/storage.ts';
import { recordingLogger } from './entries.ts';

export class Single {
  readonly storage: MemoryStorage;
  readonly logger = recordingLogger();
  readonly raw: RawNode;
  /** The Readys so far. */
  readonly readies: Ready[] = [];

  /** Node 1 of `voters`, which all have an empty log through index 1. */
  constructor(voters: readonly bigint[], settings: Partial<RaftConfig> = {}) {
    this.storage = new MemoryStorage();
    const confState = { ...emptyConfState, voters };
    if (voters.length > 0) this.storage.applySnapshot({ data: null, metadata: { confState, index: 1, term: 1 } });
    this.raw = new RawNode({
      id: 1n,
      electionTick: 10,
      heartbeatTick: 1,
      storage: this.storage,
      applied: 0,
      asyncStorageWrites: false,
      maxSizePerMsg: 1024 * 1024,
      maxCommittedSizePerReady: 0,
      maxUncommittedEntriesSize: 0,
      maxInflightMsgs: 256,
      maxInflightBytes: 0,
      checkQuorum: false,
      preVote: false,
      readOnlyOption: 'safe',
      logger: this.logger,
      disableProposalForwarding: false,
      disableConfChangeValidation: false,
      stepDownOnRemoval: false,
      random: seededRandom(1),
      ...settings,
    });
  }

  /** Node 1 as leader of term 1, whose first entry, 2, is committed by the others' answers. */
  static leading(voters: readonly bigint[], settings: Partial<RaftConfig> = {}): Single {
    const single = new Single(voters, settings);
    single.raw.campaign();
    single.settle();
    for (const id of voters) if (id !== 1n) single.receive(messageType.voteResp, id, {});
    single.settle();
    for (const id of voters) if (id !== 1n) single.receive(messageType.appResp, id, { index: 2 });
    single.settle();
    return single;
  }

  /** Takes a message of the current term, or of the one in `rest`. */
  receive(type: Message['type'], from: bigint, rest: Partial<Message>): ReturnType<RawNode['step']> {
    const { term } = this.raw.basicStatus();
    return this.raw.step({
      type,
      from,
      to: 1n,
      term,
      logTerm: 0,
      index: 0,
      entries: [],
      commit: 0,
      vote: 0n,
      snapshot: null,
      reject: false,
      rejectHint: 0,
      context: null,
      responses: [],
      ...rest,
    });
  }

  /** Does all work that is due and returns the messages to others. */
  settle(): Message[] {
    const sent: Message[] = [];
    while (this.raw.hasReady()) {
      const ready = this.raw.ready();
      this.readies.push(ready);
      if (ready.hardState !== null) this.storage.setHardState(ready.hardState);
      if (ready.snapshot !== null) this.storage.applySnapshot(ready.snapshot);
      this.storage.append(ready.entries);
      sent.push(...ready.messages);
      this.raw.advance();
    }
    return sent;
  }

  /** The data of all committed entries that were handed out. */
  committed(): string[] {
    const isData = (entry: Entry): boolean => entry.type === entryType.normal && entry.data !== null;
    const entries = this.readies.flatMap((ready) => ready.committedEntries).filter(isData);
    return entries.map((entry) => Buffer.from(entry.data ?? []).toString());
  }
}
