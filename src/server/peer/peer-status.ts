/** Whether a peer can be reached, and since when: what health checks, strict reconfiguration and dashboards rest on. */
import { formatId } from '../cluster/ids.ts';
import type { PeerContext } from './context.ts';

export class PeerStatus {
  private readonly context: PeerContext;
  private readonly id: string;
  private since: number | null = null;

  constructor(context: PeerContext, id: bigint) {
    this.context = context;
    this.id = formatId(id);
  }

  isActive(): boolean {
    return this.since !== null;
  }

  /** On the clock's monotonic scale; null while inactive. */
  activeSince(): number | null {
    return this.since;
  }

  activate(): void {
    if (this.since !== null) return;
    this.since = this.context.clock.monotonicMs();
    this.context.logger.info('peer became active', { 'peer-id': this.id });
    this.context.metrics.peerActive(formatId(this.context.localId), this.id, true);
  }

  /** `action` failed on `source`, because of `reason`. */
  deactivate(action: string, source: string, reason: string): void {
    const { logger, metrics, localId } = this.context;
    const fields = { 'peer-id': this.id, error: `failed to ${action} ${this.id} on ${source} (${reason})` };
    if (this.since === null) {
      logger.debug('peer deactivated again', fields);
      return;
    }
    this.since = null;
    logger.warn('peer became inactive (message send to peer failed)', fields);
    metrics.peerActive(formatId(localId), this.id, false);
    metrics.peerDisconnected(formatId(localId), this.id);
  }
}
