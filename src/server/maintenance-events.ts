/** What an operator sees of defragmentations and of snapshots that clients take (etcd server/etcdserver/api/v3rpc/maintenance.go). */
import type { EtcdConfig } from './config/config.ts';
import { gateEnabled } from './config/feature-gates.ts';
import type { MaintenanceEvents } from './grpc/services/maintenance.ts';
import type { ServingStatus } from './grpc/services/serving-status.ts';
import type { Logger } from './log/logger.ts';

/** With the gate StopGRPCServiceOnDefrag, whoever asks for the server's health is told meanwhile that it does not serve. */
export function maintenanceEvents(
  config: Pick<EtcdConfig, 'featureGates'>,
  logger: Logger,
  status: ServingStatus,
): MaintenanceEvents {
  const stops = gateEnabled(config.featureGates, 'StopGRPCServiceOnDefrag');
  return {
    defragmenting: () => {
      if (!stops) return;
      const fields = { service: '', status: 'NOT_SERVING', reason: 'defrag is active' };
      logger.warn('grpc service status changed', fields);
      status.set(false);
    },
    defragmented: () => {
      logger.info('grpc service status changed', { service: '', status: 'SERVING' });
      status.set(true);
    },
    sendingSnapshot: (bytes, version) =>
      logger.info('sending database snapshot to client', { 'total-bytes': bytes, 'storage-version': version }),
    sentSnapshot: (bytes, version) =>
      logger.info('successfully sent database snapshot to client', {
        'total-bytes': bytes,
        'storage-version': version,
      }),
  };
}
