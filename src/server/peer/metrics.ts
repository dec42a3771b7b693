/** What the transport counts. Ids are the text form that metric labels show; sizes are bytes. */
export interface PeerMetrics {
  /** etcd_network_active_peers{Local, Remote}: 1 or 0. */
  peerActive(local: string, remote: string, active: boolean): void;
  /** etcd_network_disconnected_peers_total{Local, Remote} */
  peerDisconnected(local: string, remote: string): void;
  /** etcd_network_peer_sent_bytes_total{To} */
  sentBytes(to: string, bytes: number): void;
  /** etcd_network_peer_received_bytes_total{From} */
  receivedBytes(from: string, bytes: number): void;
  /** etcd_network_peer_sent_failures_total{To} */
  sentFailure(to: string): void;
  /** etcd_network_peer_received_failures_total{From} */
  receivedFailure(from: string): void;
  /** etcd_network_peer_round_trip_time_seconds{To} */
  roundTripSeconds(to: string, seconds: number): void;
}

/** Counts nothing. */
export const noPeerMetrics: PeerMetrics = {
  peerActive: () => {},
  peerDisconnected: () => {},
  sentBytes: () => {},
  receivedBytes: () => {},
  sentFailure: () => {},
  receivedFailure: () => {},
  roundTripSeconds: () => {},
};
