/** Counters of leases that count nothing. */
import type { LeaseCounters } from '../../src/server/member/member-metrics.ts';

const counter = { inc: () => undefined };

export const uncountedLeases: LeaseCounters = {
  granted: counter,
  grantedSeconds: { observe: () => undefined },
  revoked: counter,
  renewed: counter,
  expired: counter,
};
