/** grpc.health.v1: the gRPC health-checking protocol. */
import { enumeration, type MessageOf, message, single, string } from './table.ts';

export const servingStatus = { unknown: 0, serving: 1, notServing: 2, serviceUnknown: 3 } as const;

export const healthCheckRequest = message('HealthCheckRequest', { service: single(1, 'service', string) });
export type HealthCheckRequest = MessageOf<typeof healthCheckRequest>;

export const healthCheckResponse = message('HealthCheckResponse', { status: single(1, 'status', enumeration) });
export type HealthCheckResponse = MessageOf<typeof healthCheckResponse>;
