/**
 * gRPC status codes, and the one table of the errors that etcd's API answers with: code and exact text (etcd api/v3rpc/rpctypes).
 * Clients recognise errors by their text, so the texts are API.
 */

export const statusCode = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type StatusCode = (typeof statusCode)[keyof typeof statusCode];

/** A failed call: what goes into the trailers `grpc-status` and `grpc-message`. */
export interface RpcError {
  readonly code: StatusCode;
  readonly message: string;
}

function rpcError(code: StatusCode, message: string): RpcError {
  return { code, message };
}

const { invalidArgument, outOfRange, resourceExhausted, notFound, failedPrecondition, unavailable, dataLoss, unknown } =
  statusCode;

export const rpcErrors = {
  emptyKey: rpcError(invalidArgument, 'etcdserver: key is not provided'),
  keyNotFound: rpcError(invalidArgument, 'etcdserver: key not found'),
  valueProvided: rpcError(invalidArgument, 'etcdserver: value is provided'),
  leaseProvided: rpcError(invalidArgument, 'etcdserver: lease is provided'),
  tooManyOps: rpcError(invalidArgument, 'etcdserver: too many operations in txn request'),
  duplicateKey: rpcError(invalidArgument, 'etcdserver: duplicate key given in txn request'),
  invalidSortOption: rpcError(invalidArgument, 'etcdserver: invalid sort option'),
  requestTooLarge: rpcError(invalidArgument, 'etcdserver: request is too large'),
  compacted: rpcError(outOfRange, 'etcdserver: mvcc: required revision has been compacted'),
  futureRevision: rpcError(outOfRange, 'etcdserver: mvcc: required revision is a future revision'),
  noSpace: rpcError(resourceExhausted, 'etcdserver: mvcc: database space exceeded'),
  /** etcd maps this one with a client-side error type, so that UNKNOWN is what goes over the wire. */
  tooManyRequests: rpcError(unknown, 'etcdserver: too many requests'),
  leaseNotFound: rpcError(notFound, 'etcdserver: requested lease not found'),
  leaseExists: rpcError(failedPrecondition, 'etcdserver: lease already exists'),
  leaseTtlTooLarge: rpcError(outOfRange, 'etcdserver: too large lease TTL'),
  memberNotFound: rpcError(notFound, 'etcdserver: member not found'),
  memberExists: rpcError(failedPrecondition, 'etcdserver: member ID already exist'),
  peerUrlExists: rpcError(failedPrecondition, 'etcdserver: Peer URLs already exists'),
  memberBadUrls: rpcError(invalidArgument, 'etcdserver: given member URLs are invalid'),
  memberNotLearner: rpcError(failedPrecondition, 'etcdserver: can only promote a learner member'),
  learnerNotReady: rpcError(
    failedPrecondition,
    'etcdserver: can only promote a learner member which is in sync with leader',
  ),
  tooManyLearners: rpcError(failedPrecondition, 'etcdserver: too many learner members in cluster'),
  // Codes of Go's errors that etcd forgets to make errors of gRPC are `unknown`, here and above.
  notEnoughStartedMembers: rpcError(unknown, 'etcdserver: re-configuration failed due to not enough started members'),
  unhealthy: rpcError(unavailable, 'etcdserver: unhealthy cluster'),
  badLeaderTransferee: rpcError(failedPrecondition, 'etcdserver: bad leader transferee'),
  timeoutLeaderTransfer: rpcError(unknown, 'etcdserver: request timed out, leader transfer took too long'),
  learnerNotSupported: rpcError(failedPrecondition, 'etcdserver: rpc not supported for learner'),
  notLeader: rpcError(failedPrecondition, 'etcdserver: not leader'),
  noLeader: rpcError(unavailable, 'etcdserver: no leader'),
  leaderChanged: rpcError(unavailable, 'etcdserver: leader changed'),
  stopped: rpcError(unavailable, 'etcdserver: server stopped'),
  timeout: rpcError(unavailable, 'etcdserver: request timed out'),
  timeoutDueToLeaderFail: rpcError(
    unavailable,
    'etcdserver: request timed out, possibly due to previous leader failure',
  ),
  timeoutDueToConnectionLost: rpcError(unavailable, 'etcdserver: request timed out, possibly due to connection lost'),
  timeoutWaitAppliedIndex: rpcError(
    unavailable,
    'etcdserver: request timed out, waiting for the applied index took too long',
  ),
  unknownMethod: rpcError(unknown, 'etcdserver: unknown method'),
  wrongDowngradeVersionFormat: rpcError(invalidArgument, 'etcdserver: wrong downgrade target version format'),
  invalidDowngradeTarget: rpcError(invalidArgument, 'etcdserver: invalid downgrade target version'),
  clusterVersionUnavailable: rpcError(failedPrecondition, 'etcdserver: cluster version not found during downgrade'),
  downgradeInProcess: rpcError(failedPrecondition, 'etcdserver: cluster has a downgrade job in progress'),
  noInflightDowngrade: rpcError(failedPrecondition, 'etcdserver: no inflight downgrade job'),
  corrupt: rpcError(dataLoss, 'etcdserver: corrupt cluster'),
  canceled: rpcError(statusCode.canceled, 'etcdserver: request canceled'),
  deadlineExceeded: rpcError(statusCode.deadlineExceeded, 'context deadline exceeded'),
} as const;
