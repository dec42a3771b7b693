/** Waits for the etcds of a run to be one whole cluster, as they say themselves. */
import type { MemberEndpoint } from '../base/member-endpoint.ts';
import { etcdHealth } from './probes.ts';

/** One etcd of the run. */
export interface MemberView {
  readonly name: string;
  readonly endpoint: MemberEndpoint;
  /** `over`: it is down and will not come up by itself. */
  readonly state: 'running' | 'coming' | 'over';
}

/** Between two looks. */
const intervalMs = 50;
const timeoutMs = 1_000;

/**
 * Null once all members are healthy, which an etcd is only with a leader and a quorum; else why not: at once if one is over, for
 * then the end of another could be the end of the quorum, or after `patienceMs`. `members` is asked before every look.
 */
export async function waitForHealth(members: () => readonly MemberView[], patienceMs: number): Promise<string | null> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const now = members();
    const reason = (await Promise.all(now.map(unhealthy))).find((one) => one !== null) ?? null;
    const isHopeless = now.some((member) => member.state === 'over');
    if (reason === null || isHopeless || performance.now() >= endMs) return reason;
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}

async function unhealthy({ name, endpoint, state }: MemberView): Promise<string | null> {
  if (state !== 'running') return `${name} does not run`;
  const reason = await etcdHealth(endpoint, timeoutMs);
  return reason === null ? null : `${name} is not healthy: ${reason}`;
}
