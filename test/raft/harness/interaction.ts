/** Runs the commands of interaction transcripts against nodes whose messages travel only when a command says so. */
import type { Random } from '../../../src/base/ports.ts';
import {
  type ConfChangeTransition,
  confChangeTransition,
  emptyConfState,
  type Message,
  messageType,
  newMessage,
  type Snapshot,
} from '../../../src/proto/raftpb.ts';
import { messageTypeCount, messageTypeName } from '../../../src/raft/describe.ts';
import { allVoters } from '../../../src/raft/quorum/joint.ts';
import type { AnyConfChange } from '../../../src/raft/raw-node.ts';
import { describeProgress } from '../../../src/raft/tracker/progress.ts';
import { isLocalTarget } from '../../../src/raft/types.ts';
import { booleanOf, firstId, id, idsOf, lastValueOf, numberOf, parseBoolean, valuesOf } from './arguments.ts';
import type { Block } from './data-driven.ts';
import { describeEntries, describeMessage, describeReady, parseChanges } from './describe.ts';
import { InteractionNode, type NodeSettings, storageErrorTexts } from './interaction-node.ts';
import { Output } from './output.ts';

const noLimit = Number.POSITIVE_INFINITY;

export class Interaction {
  private readonly nodes: InteractionNode[] = [];
  private readonly output = new Output();
  private readonly random: Random;
  /** In flight, in the order of sending. */
  private messages: Message[] = [];

  /** Nothing in a transcript may depend on `random`. */
  constructor(random: Random) {
    this.random = random;
  }

  /** Runs one command and returns what it printed, `ok` if nothing. */
  run(block: Block): string {
    this.output.take();
    let problem: string | null = null;
    try {
      this.dispatch(block);
    } catch (error) {
      // An InvariantError is a failure of the code under test, never an output.
      if (!(error instanceof Error) || error.name === 'InvariantError') throw error;
      problem = error.message;
    }
    if (problem !== null && this.output.quiet) return problem;
    const text = this.output.take() + (problem ?? '');
    return text === '' ? 'ok' : text;
  }

  private dispatch(block: Block): void {
    if (block.command.startsWith('_breakpoint')) return;
    const command = this.commands[block.command];
    if (command === undefined) throw new Error('unknown command');
    command(block);
  }

  private readonly commands: Readonly<Record<string, (block: Block) => void>> = {
    'add-nodes': (block) => this.addNodes(block),
    campaign: (block) => this.node(firstId(block)).raw.campaign(),
    compact: (block) => this.compact(block),
    'deliver-msgs': (block) => this.deliverCommand(block),
    'process-ready': (block) => this.forEach(block, 'handling Ready', (node) => this.processReady(node)),
    'process-append-thread': (block) =>
      this.forEach(block, 'processing append thread', (node) => this.processAppend(node)),
    'process-apply-thread': (block) =>
      this.forEach(block, 'processing apply thread', (node) => this.processApply(node)),
    'log-level': (block) => this.output.setLevel(block.args[0]?.key ?? ''),
    'raft-log': (block) => this.raftLog(this.node(firstId(block))),
    'raft-state': () => this.raftState(),
    'set-randomized-election-timeout': (block) => this.setElectionTimeout(block),
    stabilize: (block) => this.stabilizeCommand(block),
    status: (block) => this.status(this.node(firstId(block))),
    'tick-election': (block) => this.tick(block, 'electionTick'),
    'tick-heartbeat': (block) => this.tick(block, 'heartbeatTick'),
    'transfer-leadership': (block) => this.transferLeadership(block),
    'forget-leader': (block) => this.node(firstId(block)).raw.forgetLeader(),
    'send-snapshot': (block) => this.sendSnapshot(block),
    propose: (block) => this.propose(block),
    'propose-conf-change': (block) => this.proposeConfChange(block),
    'report-unreachable': (block) => this.reportUnreachable(block),
    // Beyond what the reference's own runner knows; our transcripts of the reference use them.
    'read-index': (block) => this.node(firstId(block)).raw.readIndex(Buffer.from(block.args[1]?.key ?? '')),
    'report-snapshot': (block) => this.reportSnapshot(block),
    'dup-msgs': (block) => this.duplicateMessages(firstId(block)),
    'reverse-msgs': () => this.reverseMessages(),
  };

  private setElectionTimeout(block: Block): void {
    const timeout = numberOf(block, 'timeout') ?? 0;
    if (timeout === 0) throw new Error('expected a timeout');
    this.node(firstId(block)).raw.setRandomizedElectionTimeout(timeout);
  }

  private transferLeadership(block: Block): void {
    const [from, to] = [id(lastValueOf(block, 'from') ?? ''), id(lastValueOf(block, 'to') ?? '')];
    this.node(from).raw.transferLeader(to);
  }

  private node(id: bigint): InteractionNode {
    const node = this.nodes[Number(id) - 1];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  private addNodes(block: Block): void {
    const index = numberOf(block, 'index') ?? 0;
    const content = lastValueOf(block, 'content');
    const voters = valuesOf(block, 'voters').map(id);
    const learners = valuesOf(block, 'learners').map(id);
    const confState = { ...emptyConfState, voters, learners };
    const bootstrapped = index > 0 || content !== null || voters.length + learners.length > 0;
    const snapshot: Snapshot = {
      data: content === null ? null : Buffer.from(content),
      metadata: { confState, index, term: bootstrapped ? 1 : 0 },
    };
    const settings = this.settings(block, index);
    for (let count = Number(firstId(block)); count > 0; count--)
      this.nodes.push(new InteractionNode(BigInt(this.nodes.length + 1), settings, snapshot));
  }

  private settings(block: Block, applied: number): NodeSettings {
    const readOnly = lastValueOf(block, 'read-only') ?? 'safe';
    if (readOnly !== 'safe' && readOnly !== 'lease-based')
      throw new Error(`invalid read-only option ${JSON.stringify(readOnly)}`);
    return {
      electionTick: 3,
      heartbeatTick: 1,
      applied,
      asyncStorageWrites: booleanOf(block, 'async-storage-writes') ?? false,
      maxSizePerMsg: numberOf(block, 'max-size-per-msg') ?? noLimit,
      maxCommittedSizePerReady: numberOf(block, 'max-committed-size-per-ready') ?? 0,
      maxUncommittedEntriesSize: numberOf(block, 'max-uncommitted-size') ?? 0,
      maxInflightMsgs: numberOf(block, 'inflight') ?? 2 ** 31 - 1,
      maxInflightBytes: numberOf(block, 'max-inflight-bytes') ?? 0,
      checkQuorum: booleanOf(block, 'checkquorum') ?? false,
      preVote: booleanOf(block, 'prevote') ?? false,
      readOnlyOption: readOnly === 'safe' ? 'safe' : 'leaseBased',
      logger: this.output,
      disableProposalForwarding: booleanOf(block, 'disable-proposal-forwarding') ?? false,
      disableConfChangeValidation: booleanOf(block, 'disable-conf-change-validation') ?? false,
      stepDownOnRemoval: booleanOf(block, 'step-down-on-removal') ?? false,
      random: this.random,
    };
  }

  private compact(block: Block): void {
    const node = this.node(firstId(block));
    const compacted = node.storage.compact(Number(id(block.args[1]?.key ?? '')));
    if (!compacted.ok) throw new Error(storageErrorTexts[compacted.error]);
    this.raftLog(node);
  }

  private raftLog({ storage }: InteractionNode): void {
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) {
      this.output.write(`log is empty: first index=${first}, last index=${last}`);
      return;
    }
    const entries = storage.entries(first, last + 1, noLimit);
    if (!entries.ok) throw new Error(storageErrorTexts[entries.error]);
    this.output.write(describeEntries(entries.value));
  }

  private raftState(): void {
    for (const { raw } of this.nodes) {
      const status = raw.status();
      const voter = allVoters(status.configuration.voters).includes(status.id) ? '(Voter)' : '(Non-Voter)';
      this.output.write(`${status.id}: ${status.raftState} ${voter} Term:${status.term} Lead:${status.lead}\n`);
    }
  }

  private status({ raw }: InteractionNode): void {
    for (const [id, progress] of raw.status().progress) this.output.write(`${id}: ${describeProgress(progress)}\n`);
  }

  private tick(block: Block, ticks: 'electionTick' | 'heartbeatTick'): void {
    const node = this.node(firstId(block));
    for (let i = 0; i < node.settings[ticks]; i++) node.raw.tick();
  }

  private propose(block: Block): void {
    const data = block.args[1];
    if (block.args.length !== 2 || data === undefined || data.values.length > 0)
      throw new Error('expected exactly one key with no vals');
    const proposed = this.node(firstId(block)).raw.propose(Buffer.from(data.key));
    if (!proposed.ok) throw new Error(proposed.error.message);
  }

  private proposeConfChange(block: Block): void {
    const proposed = this.node(firstId(block)).raw.proposeConfChange(parseProposal(block));
    if (!proposed.ok) throw new Error(proposed.error.message);
  }

  private reportUnreachable(block: Block): void {
    const [on, about, ...rest] = idsOf(block);
    if (on === undefined || about === undefined || rest.length > 0)
      throw new Error('must specify exactly two node indexes: node on which to report, and reported node');
    this.node(on).raw.reportUnreachable(about);
  }

  private reportSnapshot(block: Block): void {
    const [on, about] = block.args.map(({ key }) => key);
    this.node(id(on ?? '')).raw.reportSnapshot(id(about ?? ''), !block.args.some(({ key }) => key === 'failed'));
  }

  /** What is in flight to a node arrives once more, behind everything else. */
  private duplicateMessages(to: bigint): void {
    this.messages = this.messages.concat(this.messages.filter((message) => message.to === to && !isLocal(message)));
  }

  /** What was sent last arrives first. A node's own storage keeps its order. */
  private reverseMessages(): void {
    const remote = this.messages.filter((message) => !isLocal(message));
    this.messages = [...this.messages.filter(isLocal), ...remote.reverse()];
  }

  private sendSnapshot(block: Block): void {
    const [from, to] = idsOf(block);
    if (from === undefined || to === undefined) throw new Error('expected two nodes');
    const source = this.node(from);
    const { term } = source.raw.basicStatus();
    const message = newMessage(messageType.snap, from, to, { term, snapshot: source.storage.latest });
    this.messages.push(message);
    this.output.write(describeMessage(message));
  }

  /** Runs `work` for each node that the command names, under a header if there are several. */
  private forEach(block: Block, header: string, work: (node: InteractionNode) => void): void {
    const ids = idsOf(block);
    for (const id of ids) {
      const node = this.node(id);
      if (ids.length > 1) this.underHeader(node.id, header, () => work(node));
      else work(node);
    }
  }

  private underHeader(id: bigint, header: string, work: () => void): void {
    this.output.write(`> ${id} ${header}\n`);
    this.output.indented(work);
  }

  private processReady(node: InteractionNode): void {
    const ready = node.raw.ready();
    this.output.write(describeReady(ready));
    if (!node.settings.asyncStorageWrites) {
      node.store(ready.hardState, ready.entries, ready.snapshot);
      node.apply(ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (isLocalTarget(message.to)) node.queueLocal(message);
      else this.messages.push(message);
    }
    if (!node.settings.asyncStorageWrites) node.raw.advance();
  }

  private processAppend(node: InteractionNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    const { term, vote, commit } = work;
    this.process(work, () => {
      const hardState = term !== 0 || vote !== 0n || commit !== 0 ? { term, vote, commit } : null;
      node.store(hardState, work.entries, work.snapshot);
    });
  }

  private processApply(node: InteractionNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) this.output.write('no apply work to perform');
    else this.process(work, () => node.apply(work.entries));
  }

  private process(work: Message, perform: () => void): void {
    this.output.write(`Processing:\n${describeMessage({ ...work, responses: [] })}\n`);
    perform();
    this.output.write('Responses:\n');
    for (const response of work.responses) this.output.write(`${describeMessage(response)}\n`);
    this.messages.push(...work.responses);
  }

  private deliverCommand(block: Block): void {
    const typeName = lastValueOf(block, 'type');
    const type = typeName === null ? null : typeNamed(typeName);
    const deliver = idsOf(block);
    const drop = valuesOf(block, 'drop').map(id);
    const both = drop.find((id) => deliver.includes(id));
    if (both !== undefined) throw new Error(`can't both deliver and drop msgs to ${both}`);
    let count = 0;
    // In the order of the arguments, which matters where recipients answer at once.
    for (const arg of block.args) {
      if (arg.values.length === 0) count += this.deliver(id(arg.key), type);
      else if (arg.key === 'drop') for (const value of arg.values) count += this.drop(id(value), type);
    }
    if (count === 0) this.output.write('no messages\n');
  }

  /** Delivers what is in flight to a node, of one type or of all (null). Returns how many messages that were. */
  private deliver(to: bigint, type: number | null): number {
    const taken = this.takeMessages((message) => message.to === to && (type === null || message.type === type));
    for (const message of taken) {
      this.output.write(`${describeMessage(message)}\n`);
      const stepped = this.node(to).raw.step(message);
      if (!stepped.ok) this.output.write(`${stepped.error.message}\n`);
    }
    return taken.length;
  }

  /** Loses what is in flight to a node, except what never leaves it. */
  private drop(to: bigint, type: number | null): number {
    const taken = this.takeMessages(
      (message) => message.to === to && (type === null || message.type === type) && !isLocal(message),
    );
    for (const message of taken) this.output.write(`dropped: ${describeMessage(message)}\n`);
    return taken.length;
  }

  private takeMessages(wanted: (message: Message) => boolean): Message[] {
    const taken = this.messages.filter(wanted);
    if (taken.length > 0) this.messages = this.messages.filter((message) => !wanted(message));
    return taken;
  }

  private stabilizeCommand(block: Block): void {
    const before = this.output.level;
    const level = lastValueOf(block, 'log-level');
    try {
      if (level !== null) this.output.setLevel(level);
      const ids = idsOf(block);
      this.stabilize(ids.length > 0 ? ids.map((id) => this.node(id)) : this.nodes);
    } finally {
      this.output.level = before;
    }
  }

  /** Lets nodes work and talk to each other until none has anything to do. */
  private stabilize(nodes: readonly InteractionNode[]): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const node of nodes) {
        if (!node.raw.hasReady()) continue;
        busy = true;
        this.underHeader(node.id, 'handling Ready', () => this.processReady(node));
      }
      for (const { id } of nodes) {
        if (!this.messages.some((message) => message.to === id)) continue;
        busy = true;
        this.underHeader(id, 'receiving messages', () => this.deliver(id, null));
      }
      for (const node of nodes) {
        if (node.appendWork.length === 0) continue;
        busy = true;
        this.output.write(`> ${node.id} processing append thread\n`);
        while (node.appendWork.length > 0) this.output.indented(() => this.processAppend(node));
      }
      for (const node of nodes) {
        if (node.applyWork.length === 0) continue;
        busy = true;
        this.output.write(`> ${node.id} processing apply thread\n`);
        while (node.applyWork.length > 0) this.output.indented(() => this.processApply(node));
      }
    }
  }
}

const transitions: Readonly<Record<string, ConfChangeTransition>> = {
  auto: confChangeTransition.auto,
  implicit: confChangeTransition.jointImplicit,
  explicit: confChangeTransition.jointExplicit,
};

function parseProposal(block: Block): AnyConfChange {
  const unknown = block.args.find(({ key, values }) => values.length > 0 && key !== 'v1' && key !== 'transition');
  if (unknown !== undefined) throw new Error(`unknown command ${unknown.key}`);
  const v1 = lastValueOf(block, 'v1');
  const name = lastValueOf(block, 'transition') ?? 'auto';
  const transition = transitions[name];
  if (transition === undefined) throw new Error(`unknown transition ${name}`);
  const changes = parseChanges(block.input);
  if (v1 === null || !parseBoolean(v1)) return { version: 2, change: { transition, changes, context: null } };
  const [single] = changes;
  if (single === undefined || changes.length > 1 || transition !== confChangeTransition.auto)
    throw new Error('v1 conf change can only have one operation and no transition');
  return { version: 1, change: { id: 0n, type: single.type, nodeId: single.nodeId, context: null } };
}

function typeNamed(name: string): number {
  for (const type of Object.values(messageType)) if (messageTypeName(type) === name) return type;
  throw new Error(`unknown message type ${name} (of ${messageTypeCount})`);
}

function isLocal({ from, to }: Message): boolean {
  return from === to || isLocalTarget(from) || isLocalTarget(to);
}
