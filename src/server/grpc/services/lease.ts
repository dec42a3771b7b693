/** etcdserverpb.Lease: grants and revocations go through the log, the rest is for the leader to say. */
import { invariant } from '../../../base/assert.ts';
import {
  leaseGrantRequest,
  leaseGrantResponse,
  leaseLeasesRequest,
  leaseLeasesResponse,
  leaseRevokeRequest,
  leaseRevokeResponse,
  leaseTimeToLiveRequest,
  leaseTimeToLiveResponse,
} from '../../../proto/etcdserverpb-lease.ts';
import { internalField } from '../../../proto/raft-internal.ts';
import { leaseCostBytes } from '../../apply/quota.ts';
import type { MemberApi } from '../../member/api.ts';
import { Admission } from './admission.ts';
import { Headers } from './headers.ts';
import type { LeaderLoss } from './leader-loss.ts';
import { keepAliveStream } from './lease-keep-alive.ts';
import type { MethodRegistry } from './registry.ts';
import { unary } from './unary.ts';

/** Without `leaderLoss`, streams outlive the loss of a leader that their clients insist on. */
export function registerLease(
  server: MethodRegistry,
  member: MemberApi,
  admission = new Admission(member),
  leaderLoss: LeaderLoss | null = null,
): void {
  const headers = new Headers(member);
  server.addUnary(
    '/etcdserverpb.Lease/LeaseGrant',
    unary(admission, {
      decode: leaseGrantRequest.decode,
      answer: ({ id: wanted, ttl }, call) => {
        if (member.refuseForSpace(leaseCostBytes, (error) => call.fail(error))) return;
        const request = { id: wanted === 0n ? member.leases.newId() : wanted, ttl };
        member.propose(internalField.leaseGrant, leaseGrantRequest.encode(request), (outcome) => {
          if (!outcome.ok) {
            call.fail(outcome.error);
            return;
          }
          const applied = outcome.value;
          invariant(applied.type === 'leaseGrant', `a grant is not answered with ${applied.type}`);
          const header = headers.header(member.store.revision);
          call.respond(leaseGrantResponse.encode({ header, id: applied.id, ttl: applied.ttl, error: '' }));
        });
      },
    }),
  );
  server.addUnary(
    '/etcdserverpb.Lease/LeaseRevoke',
    unary(admission, {
      decode: leaseRevokeRequest.decode,
      answer: (_request, call, raw) =>
        member.propose(internalField.leaseRevoke, raw, (outcome) => {
          if (outcome.ok) call.respond(leaseRevokeResponse.encode({ header: headers.header(member.store.revision) }));
          else call.fail(outcome.error);
        }),
    }),
  );
  server.addStream('/etcdserverpb.Lease/LeaseKeepAlive', keepAliveStream(member, admission, headers, leaderLoss));
  server.addUnary(
    '/etcdserverpb.Lease/LeaseTimeToLive',
    unary(admission, {
      decode: leaseTimeToLiveRequest.decode,
      answer: (request, call) =>
        member.leases.timeToLive(
          request,
          () => !call.cancelled,
          (outcome) => {
            if (!outcome.ok) {
              call.fail(outcome.error);
              return;
            }
            const life = outcome.value ?? { ttl: -1, grantedTtl: 0, keys: [] };
            const header = headers.header(member.store.revision);
            call.respond(leaseTimeToLiveResponse.encode({ header, id: request.id, ...life }));
          },
        ),
    }),
  );
  server.addUnary(
    '/etcdserverpb.Lease/LeaseLeases',
    unary(admission, {
      decode: leaseLeasesRequest.decode,
      answer: (_request, call) => {
        const leases = member.leases.ids().map((id) => ({ id }));
        call.respond(leaseLeasesResponse.encode({ header: headers.header(member.store.revision), leases }));
      },
    }),
  );
}
