/** The texts of --help and of a mistyped command line. Loaded only when they are needed. */
import { allFlags } from './flags.ts';

/** Printed on stderr after the error, and before the flags of --help. */
export const usageText = `Usage:

  etcd [flags]
    Start an etcd server.

  etcd --version
    Show the version of etcd.

  etcd -h | --help
    Show the help information about etcd.

  etcd --config-file
    Path to the server configuration file: all other flags and environment variables are then ignored.
`;

/** One line per flag: its default and what it does. Experimental aliases and ignored flags are left out. */
export function flagHelp(): string {
  const groups = descriptions.trim().split('\n\n');
  return groups.map((group) => groupHelp(group.split('\n'))).join('\n');
}

const columnWidth = 52;

function groupHelp([title = '', ...flags]: readonly string[]): string {
  const lines = flags.map((line) => {
    const space = line.indexOf(' ');
    const name = line.slice(0, space);
    return `  ${`--${name}${defaultText(name)}`.padEnd(columnWidth)} ${line.slice(space + 1)}`;
  });
  return `\n${title}\n${lines.join('\n')}`;
}

function defaultText(name: string): string {
  const flags: Readonly<Record<string, { readonly default: unknown }>> = allFlags;
  if (name === 'data-dir') return "='<name>.etcd'";
  const value = flags[name]?.default;
  if (value instanceof Map) return "=''";
  if (Array.isArray(value)) return `='${value.map(itemText).join(',')}'`;
  return typeof value === 'string' ? `='${value}'` : `=${value}`;
}

function itemText(item: unknown): string {
  return typeof item === 'object' && item !== null && 'text' in item ? String(item.text) : String(item);
}

const descriptions = `
Member:
name this member's name, unique in its cluster
data-dir directory of all data
wal-dir directory of the write-ahead log, if it is to be elsewhere
snapshot-count entries applied between snapshots (deprecated)
snapshot-catchup-entries entries kept in memory for slow followers
max-snapshots snapshot files to keep, 0 for all (deprecated)
max-wals WAL files to keep, 0 for all
heartbeat-interval milliseconds between heartbeats of the leader
election-timeout milliseconds without a leader before an election
initial-election-tick-advance shorten the first election after start
pre-vote ask for votes before raising the term
listen-peer-urls where to listen for the other members
listen-client-urls where to listen for clients
listen-client-http-urls where to serve HTTP, if not together with gRPC
socket-reuse-port set SO_REUSEPORT on listeners
socket-reuse-address set SO_REUSEADDR on listeners
quota-backend-bytes largest size of the database, 0 for 2 GiB
backend-bbolt-freelist-type free list in the database file: array or map
backend-batch-interval longest time until the database commits
backend-batch-limit most operations until the database commits
bootstrap-defrag-threshold-megabytes defragment at start if it frees this much
max-txn-ops most operations in a transaction
max-request-bytes largest request of a client
max-concurrent-streams most streams of one connection
max-learners most learners in the cluster
grpc-keepalive-min-time shortest time between pings that clients may send
grpc-keepalive-interval time between pings to idle clients, 0 for none
grpc-keepalive-timeout how long to wait for the answer to a ping
raft-read-timeout read timeout of connections between members
raft-write-timeout write timeout of connections between members
memory-mlock keep pages in RAM

Clustering:
initial-advertise-peer-urls how the other members reach this one
initial-cluster all members at first start: name=url,name=url
initial-cluster-state new: bootstrap a cluster; existing: join one
initial-cluster-token keeps clusters apart
advertise-client-urls how clients reach this member
strict-reconfig-check refuse changes that would lose the quorum
discovery URL of the v2 discovery service
discovery-proxy HTTP proxy to the v2 discovery service
discovery-fallback what to do if discovery fails
discovery-srv DNS domain with SRV records of the members
discovery-srv-name suffix of the SRV service name
discovery-token token of the cluster at the v3 discovery service
discovery-endpoints endpoints of the v3 discovery service
discovery-dial-timeout v3 discovery: time to connect
discovery-request-timeout v3 discovery: time for a request
discovery-keepalive-time v3 discovery: time between pings
discovery-keepalive-timeout v3 discovery: time to wait for a ping's answer
discovery-insecure-transport v3 discovery: without TLS
discovery-insecure-skip-tls-verify v3 discovery: do not verify the server
discovery-cert v3 discovery: client certificate
discovery-key v3 discovery: key of the client certificate
discovery-cacert v3 discovery: CA of the servers
discovery-user v3 discovery: user[:password]
discovery-password v3 discovery: password
auto-compaction-mode compact by time (periodic) or by count (revision)
auto-compaction-retention history to keep: hours, a duration or revisions; 0 for all
force-new-cluster make this member a cluster of its own (unsafe)
downgrade-check-time time between checks for a downgrade

Security:
cert-file certificate of the client listeners
key-file key of the client listeners
client-cert-file certificate this member shows as a client
client-key-file key this member uses as a client
client-cert-auth demand certificates of clients
client-crl-file revoked client certificates
client-cert-allowed-hostname host names that client certificates may have
trusted-ca-file CA of client certificates
auto-tls make a certificate for the client listeners
peer-cert-file certificate of the peer listeners
peer-key-file key of the peer listeners
peer-client-cert-file certificate this member shows to peers
peer-client-key-file key this member uses towards peers
peer-client-cert-auth demand certificates of peers
peer-trusted-ca-file CA of peer certificates
peer-cert-allowed-cn common names that peers may have
peer-cert-allowed-hostname host names that peer certificates may have
peer-auto-tls make a certificate for the peer listeners
peer-crl-file revoked peer certificates
peer-skip-client-san-verification do not compare peers' addresses with their certificates
self-signed-cert-validity years that certificates made here are valid
cipher-suites TLS cipher suites to offer
tls-min-version lowest TLS version
tls-max-version highest TLS version
cors origins that browsers may come from
host-whitelist host names that HTTP requests may name

Auth:
auth-token simple, or jwt with its options
auth-token-ttl seconds that a simple token is valid
bcrypt-cost cost of hashing passwords

Watching the member:
enable-pprof serve /debug/pprof
metrics basic, or extensive with latency histograms
listen-metrics-urls where else to serve /metrics and /health
enable-grpc-gateway serve the JSON API
warning-apply-duration warn of requests that take longer to apply
warning-unary-request-duration warn of requests that take longer in all; 0s for 300ms
watch-progress-notify-interval time between progress notices to watchers
corrupt-check-time time between comparisons of the members' data, 0s for never
compact-hash-check-time time between comparisons of compaction hashes
compaction-batch-limit most revisions deleted at a time
compaction-sleep-interval pause between batches of a compaction
enable-distributed-tracing send OpenTelemetry traces
distributed-tracing-address collector of the traces
distributed-tracing-service-name service name in the traces
distributed-tracing-instance-id instance id in the traces
distributed-tracing-sampling-rate traces per million requests

Logging:
logger only zap
log-outputs default, stdout, stderr, systemd/journal or paths
log-level debug, info, warn, error, panic or fatal
log-format json or console
enable-log-rotation rotate the log file
log-rotation-config-json how to rotate

Features and dangers:
feature-gates Name=true,Other=false
v2-deprecation ignored
unsafe-no-fsync never wait for the disk (loses data)
`;
