/** Every bound of the peer transport. Times in milliseconds, as in etcd's rafthttp unless a reason says otherwise. */

/** A stream that brings no byte for so long is broken; its writer promises a heartbeat three times as often. */
export const streamReadTimeoutMs = 5_000;
export const linkHeartbeatMs = streamReadTimeoutMs / 3;
/** A stream that takes no byte for so long is broken. */
export const streamWriteTimeoutMs = 5_000;
/** Between the starts of two attempts to dial the same stream. */
export const dialRetryMs = 100;
/** For the TCP (and TLS) handshake; etcd's 1 s + the default election timeout. */
export const dialTimeoutMs = 2_000;
/** From the request to the answer's headers: dialling a stopped process succeeds, only its silence shows. */
export const answerTimeoutMs = 5_000;

/** From a snapshot's request to its answer, which comes when the receiver has stored the whole database. */
export const snapshotAnswerTimeoutMs = 10 * 60_000;

/** Messages that one stream may hold unsent. */
export const streamMessagesMax = 4_096;
/** Bytes that one stream may hold unsent before more are dropped; etcd has no such bound, Node would grow until it dies. */
export const streamPendingBytesMax = 256 * 1024 * 1024;
/** One frame of a stream. */
export const frameBytesMax = 512 * 1024 * 1024;
/** The MsgSnap message in front of a database; the database itself is unbounded. */
export const snapshotMessageBytesMax = frameBytesMax;

export const pipelineWorkersMax = 4;
export const pipelineMessagesMax = 64;
/**
 * A message that has waited so long for a free worker is lost. Etcd means its queue to bridge a second; one peer that accepts
 * connections and does not answer would make much more of it.
 */
export const pipelineAgeMaxMs = 1_000;
/** A free pipeline connection closes before a real etcd's listener, with its 5 s read timeout, would cut it. */
export const pipelineIdleMs = 4_500;

/** Requests that wait for a member to start; more are refused. */
export const earlyRequestsMax = 256;
/** A message of Raft waits so long for that: etcd's default heartbeat interval, after which its sender has said it anew. */
export const earlyMessageAgeMaxMs = 100;

/** Senders outside the membership that are remembered to answer to. */
export const remotesMax = 128;
/** Messages that a fault holds back on one direction of one link: what etcd's stream queues while its peer does not read. */
export const heldMessagesMax = streamMessagesMax;
/** Their bytes: a stream may hold more, but what is held goes on within one turn of the event loop. */
export const heldBytesMax = streamPendingBytesMax / 4;
/** Messages held back by a delaying fault filter. */
export const delayedMessagesMax = 65_536;

export const probeIntervalMs = 4_000;
export const probeFirstReportMs = 5_000;
export const probeReportMs = 30_000;

/** A warning that would repeat with every dial is logged at most so often for each peer. */
export const repeatedWarningMs = 10_000;
