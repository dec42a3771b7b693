/** The part of the gRPC server that services register their methods with. */
import type { GrpcServer } from '../server.ts';

export type MethodRegistry = Pick<GrpcServer, 'addUnary' | 'addStream'>;
