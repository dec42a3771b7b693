/** Who of the cluster this member is connected to, and since when. */
import type { Membership } from '../cluster/membership.ts';
import type { PeerTransport } from '../peer/transport.ts';

export class Connections {
  private readonly localId: bigint;
  private readonly membership: Membership;
  /** Null until the member has replayed its log: nobody is connected before. */
  transport: PeerTransport | null = null;

  constructor(localId: bigint, membership: Membership) {
    this.localId = localId;
    this.membership = membership;
  }

  /** Connects to the members that there are now, and to nobody else. */
  follow(): void {
    const { transport, localId } = this;
    if (transport === null) return;
    const members = this.membership.members().filter(({ id }) => id !== localId);
    for (const id of transport.peerIds()) if (!members.some((member) => member.id === id)) transport.removePeer(id);
    for (const { id, peerUrls } of members) {
      if (transport.peerIds().includes(id)) transport.updatePeer(id, peerUrls);
      else transport.addPeer(id, peerUrls);
    }
  }

  /** Other members with a connection that works now. */
  activePeers(): number {
    return this.membership.members().filter(({ id }) => this.activeSince(id) !== null).length;
  }

  /** The voter, but for this member, whose connection is the oldest; null if none is connected. */
  longestConnectedVoter(): bigint | null {
    let best: { readonly id: bigint; readonly since: number } | null = null;
    for (const { id } of this.membership.votingMembers()) {
      const since = this.activeSince(id);
      if (since !== null && (best === null || since < best.since)) best = { id, since };
    }
    return best?.id ?? null;
  }

  /** Whether the connection to a member has held since before that moment, milliseconds of the monotonic clock. */
  connectedSince(id: bigint, sinceMs: number): boolean {
    const active = this.activeSince(id);
    return active !== null && active < sinceMs;
  }

  /** The same for a quorum of the voters, this member among them. */
  quorumConnectedSince(sinceMs: number): boolean {
    return this.votersConnectedSince(sinceMs) >= quorumOf(this.membership.votingMembers().length);
  }

  /** The same for all voters. */
  allVotersConnectedSince(sinceMs: number): boolean {
    return this.votersConnectedSince(sinceMs) === this.membership.votingMembers().length;
  }

  /** How many voters are connected since before that moment, this member among them. */
  votersConnectedSince(sinceMs: number): number {
    const voters = this.membership.votingMembers();
    return voters.filter(({ id }) => id === this.localId || this.connectedSince(id, sinceMs)).length;
  }

  /** Whether there is a connection that works now. */
  isConnected(id: bigint): boolean {
    return this.activeSince(id) !== null;
  }

  private activeSince(id: bigint): number | null {
    return id === this.localId ? null : (this.transport?.activeSince(id) ?? null);
  }
}

export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
