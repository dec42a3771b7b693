/**
 * A cluster under random faults: messages are lost, repeated, delayed and reordered, links are cut, nodes crash at any point of
 * their work, membership changes, logs are compacted. What it does follows from a seed alone.
 */
import type { Random } from '../../../src/base/ports.ts';
import { seededRandom } from '../../../src/base/prng.ts';
import {
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeV2,
  emptyConfState,
  type Message,
  messageType,
} from '../../../src/proto/raftpb.ts';
import { isJoint } from '../../../src/raft/tracker/configuration.ts';
import { ClusterNode } from './cluster-node.ts';
import { SafetyChecker } from './safety-checker.ts';

/** Messages in flight at most; the oldest are lost beyond. */
const inFlightMax = 300;

export class RandomCluster {
  private readonly random: Random;
  private readonly checker = new SafetyChecker();
  private readonly nodes: readonly ClusterNode[];
  private inFlight: Message[] = [];
  /** Pairs `from-to` between which nothing passes. */
  private readonly cut = new Set<string>();
  private proposals = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const size = 3 + this.random.below(3);
    const ids = Array.from({ length: size }, (_, position) => BigInt(position + 1));
    // At least three voters from the start; the others wait to be added.
    const confState = { ...emptyConfState, voters: ids.slice(0, 3) };
    const features = {
      asyncStorageWrites: this.chance(2),
      preVote: this.chance(2),
      checkQuorum: this.chance(2),
      stepDownOnRemoval: this.chance(2),
      maxSizePerMsg: [0, 40, 1000][this.random.below(3)] ?? 0,
      maxInflightMsgs: 1 + this.random.below(6),
    };
    this.nodes = ids.map((id) => new ClusterNode(id, confState, features, this.random, this.checker));
  }

  /** Does random things, and checks after each that what was promised still holds. */
  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.act();
      this.observe();
      if (step % 50 === 0) this.checker.checkLogs(this.nodes);
    }
    this.checker.checkLogs(this.nodes);
  }

  /** Ends all faults after a power cut for everyone. True if the members then agree on a new entry within a bounded time. */
  recovers(): boolean {
    this.cut.clear();
    for (const node of this.nodes) {
      node.crash();
      node.mayCrash = false;
    }
    const marker = `recovered ${this.proposals++}`;
    for (let round = 0; round < 400; round++) {
      this.stopRemovedLeader();
      for (const node of this.nodes) node.raw.tick();
      if (round % 20 === 0) this.leader()?.raw.propose(Buffer.from(marker));
      for (let exchange = 0; exchange < 6; exchange++) this.exchangeAll();
      this.observe();
      if (round % 20 === 19 && this.membersApplied(marker)) return true;
    }
    return false;
  }

  /** What has happened: a run without elections and commits proves nothing. */
  get progress(): { readonly elections: number; readonly committed: number } {
    return { elections: this.checker.elections, committed: this.checker.committedMax };
  }

  private act(): void {
    const node = this.anyNode();
    const action = this.random.below(100);
    if (action < 40) this.deliverOne();
    else if (action < 68) this.work(node);
    else if (action < 84) node.raw.tick();
    else if (action < 89) this.propose(node);
    else if (action < 91) node.read(this.checker.committedMax);
    else if (action < 92) node.crash();
    else if (action < 93) node.compact();
    else if (action < 95) this.changeLink();
    else if (action < 96) node.raw.transferLeader(this.anyNode().id);
    else if (action < 97) node.raw.reportUnreachable(this.anyNode().id);
    else if (action < 98) node.raw.forgetLeader();
    else this.changeMembership();
  }

  private work(node: ClusterNode): void {
    this.send(node.work());
  }

  private send(messages: readonly Message[]): void {
    for (const message of messages) {
      this.inFlight.push(message);
      if (this.inFlight.length > inFlightMax) this.lose(this.inFlight.splice(0, 1));
    }
  }

  private deliverOne(): void {
    if (this.inFlight.length === 0) return;
    // Mostly in order, or nothing would ever be agreed on.
    const position = this.chance(4) ? this.random.below(this.inFlight.length) : 0;
    const [message] = this.inFlight.splice(position, 1);
    if (message === undefined) return;
    const fate = this.random.below(20);
    if (fate === 0 || this.cut.has(`${message.from}-${message.to}`)) this.lose([message]);
    else this.deliver(message);
    if (fate === 1 && message.type !== messageType.snap) this.inFlight.push(message);
  }

  private deliver(message: Message): void {
    this.node(message.to).raw.step(message);
    if (message.type === messageType.snap) this.node(message.from).raw.reportSnapshot(message.to, true);
  }

  private lose(messages: readonly Message[]): void {
    for (const { type, from, to } of messages) {
      if (type === messageType.snap) this.node(from).raw.reportSnapshot(to, false);
      else if (this.chance(3)) this.node(from).raw.reportUnreachable(to);
    }
  }

  private exchangeAll(): void {
    for (const node of this.nodes) this.work(node);
    const due = this.inFlight;
    this.inFlight = [];
    for (const message of due) this.deliver(message);
  }

  private propose(node: ClusterNode): void {
    const data = Array.from({ length: 1 + this.random.below(3) }, () => Buffer.from(`p${this.proposals++}`));
    node.raw.proposeEntries(data);
  }

  private changeLink(): void {
    const link = `${this.anyNode().id}-${this.anyNode().id}`;
    if (this.chance(2) || this.cut.size > this.nodes.length) this.cut.clear();
    else this.cut.add(link);
  }

  /** Proposes a change that is possible in the leader's configuration, simple or joint. */
  private changeMembership(): void {
    const leader = this.leader();
    if (leader === undefined) return;
    const { configuration } = leader.raw.status();
    if (isJoint(configuration)) {
      const leave: ConfChangeV2 = { transition: 0, changes: [], context: null };
      if (!configuration.autoLeave) leader.raw.proposeConfChange({ version: 2, change: leave });
      return;
    }
    const changes: ConfChangeSingle[] = [];
    const voters = new Set(configuration.voters.incoming);
    for (let count = 1 + this.random.below(2); count > 0; count--) {
      const nodeId = this.anyNode().id;
      const type = ([0, 0, 1, 3] as const)[this.random.below(4)] ?? 0;
      if (changes.some((change) => change.nodeId === nodeId)) continue;
      if (type === 0) voters.add(nodeId);
      else voters.delete(nodeId);
      changes.push({ type, nodeId });
    }
    const [single] = changes;
    // With fewer than two voters, a crash of one could stop everything for good.
    if (single === undefined || voters.size < 2) return;
    const transition = this.random.below(3) as ConfChangeTransition; // 0, 1 or 2
    if (changes.length === 1 && this.chance(2)) {
      const change = { id: 0n, type: single.type, nodeId: single.nodeId, context: null };
      leader.raw.proposeConfChange({ version: 1, change });
    } else {
      leader.raw.proposeConfChange({ version: 2, change: { transition, changes, context: null } });
    }
  }

  /** A leader that removed itself takes no proposals; its server would stop. */
  private stopRemovedLeader(): void {
    const leader = this.leader();
    if (leader === undefined || leader.raw.status().progress.has(leader.id)) return;
    leader.crash();
  }

  private observe(): void {
    for (const node of this.nodes) this.checker.observe(node);
  }

  private leader(): ClusterNode | undefined {
    let newest: ClusterNode | undefined;
    for (const node of this.nodes) {
      const { raftState, term } = node.raw.basicStatus();
      if (raftState === 'StateLeader' && term >= (newest?.raw.basicStatus().term ?? 0)) newest = node;
    }
    return newest;
  }

  private membersApplied(marker: string): boolean {
    const voters = this.leader()?.raw.status().configuration.voters.incoming ?? [];
    return voters.length > 0 && voters.every((id) => this.node(id).lastApplied.includes(marker));
  }

  private node(id: bigint): ClusterNode {
    const node = this.nodes[Number(id) - 1];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  private anyNode(): ClusterNode {
    return this.node(BigInt(1 + this.random.below(this.nodes.length)));
  }

  private chance(oneIn: number): boolean {
    return this.random.below(oneIn) === 0;
  }
}
