/** Asks a peer every few seconds whether it lives and what time it has, so that operators learn of silence and clock drift. */
import { Duration } from '../../base/duration.ts';
import type { Timer } from '../../base/ports.ts';
import { errorText } from '../cluster/dial-error.ts';
import { formatId } from '../cluster/ids.ts';
import type { PeerContext } from './context.ts';
import { probeFirstReportMs, probeIntervalMs, probeReportMs } from './limits.ts';
import { readAnswer } from './pipeline.ts';
import type { ConnectionKind } from './requester.ts';
import type { UrlPicker } from './url-picker.ts';

/** As etcd's logs name the two kinds of connection. */
const roundTripperName: Readonly<Record<ConnectionKind, string>> = {
  stream: 'ROUND_TRIPPER_RAFT_MESSAGE',
  pipeline: 'ROUND_TRIPPER_SNAPSHOT',
};

/** The weight of a new round trip in the smoothed one. */
const smoothing = 0.125;
const clockDriftMaxMs = 1_000;

/** A probe of one peer over one kind of connection. */
export class Prober {
  private readonly context: PeerContext;
  private readonly peerId: bigint;
  private readonly kind: ConnectionKind;
  private readonly picker: UrlPicker;
  private readonly probing: Timer;
  private reporting: Timer;
  private busy = false;
  private healthy = false;
  private error: string | null = null;
  private smoothedMs = 0;
  /** Of the last answer. */
  private lastMs: number | null = null;
  private clockDiffMs = 0;

  constructor(context: PeerContext, peerId: bigint, kind: ConnectionKind, picker: UrlPicker) {
    this.context = context;
    this.peerId = peerId;
    this.kind = kind;
    this.picker = picker;
    this.probing = context.clock.every(probeIntervalMs, () => this.probe());
    this.reporting = context.clock.after(probeFirstReportMs, () => this.report());
  }

  /** Of the last probe, if it was answered. */
  get roundTripMs(): number | null {
    return this.healthy ? this.lastMs : null;
  }

  private probe(): void {
    if (this.busy) return;
    if (this.context.faults.isSevered(this.peerId)) {
      this.healthy = false;
      this.error = 'cut off by a fault';
      return;
    }
    this.busy = true;
    const { clock, requester } = this.context;
    const startedAt = clock.monotonicMs();
    const url = this.picker.pick();
    const request = requester.request({ method: 'GET', url, path: '/raft/probing', headers: {}, kind: this.kind });
    let settled = false;
    const settle = (failure: string | null): void => {
      if (settled) return;
      settled = true;
      this.busy = false;
      this.healthy = failure === null;
      this.error = failure;
      if (failure !== null) this.picker.unreachable(url);
    };
    request.on('error', (problem) => settle(errorText(problem)));
    request.once('response', (response) => {
      readAnswer(response, (body) => {
        const theirs = response.statusCode === 200 ? timeIn(body) : null;
        if (theirs === null) return settle(`got unexpected HTTP status code ${response.statusCode} from ${url}`);
        const roundTripMs = clock.monotonicMs() - startedAt;
        this.lastMs = roundTripMs;
        this.smoothedMs = (1 - smoothing) * this.smoothedMs + smoothing * roundTripMs;
        this.clockDiffMs = clock.now() - theirs - this.smoothedMs / 2;
        settle(null);
      });
    });
    request.end();
  }

  private report(): void {
    const { clock, logger, metrics } = this.context;
    const fields = {
      'round-tripper-name': roundTripperName[this.kind],
      'remote-peer-id': formatId(this.peerId),
      rtt: Duration.fromMs(this.smoothedMs),
      ...(this.error === null ? {} : { error: this.error }),
    };
    if (!this.healthy) logger.warn('prober detected unhealthy status', fields);
    if (this.clockDiffMs > clockDriftMaxMs) {
      logger.warn('prober found high clock drift', { ...fields, 'clock-drift': Duration.fromMs(this.clockDiffMs) });
    }
    metrics.roundTripSeconds(formatId(this.peerId), this.smoothedMs / 1_000);
    this.reporting = clock.after(this.healthy ? probeReportMs : probeFirstReportMs, () => this.report());
  }

  close(): void {
    this.probing.cancel();
    this.reporting.cancel();
  }
}

/** The time in an answer `{"OK":true,"Now":"…"}` in milliseconds; null if it is none. */
function timeIn(body: string): number | null {
  const answer = /^\{"OK":true,"Now":"([^"]+)"\}\s*$/.exec(body);
  const time = Date.parse(answer?.[1] ?? '');
  return Number.isNaN(time) ? null : time;
}

/** The answer to a probe. */
export function probeAnswer(nowMs: number): string {
  const time = new Date(nowMs).toISOString().replace(/\.?0*Z$/, 'Z');
  return `{"OK":true,"Now":"${time}"}\n`;
}
