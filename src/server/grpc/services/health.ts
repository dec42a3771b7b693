/** grpc.health.v1.Health as etcd serves it: one entry, the server as a whole, under the empty name. */
import { healthCheckRequest, healthCheckResponse, servingStatus } from '../../../proto/healthpb.ts';
import type { MemberApi } from '../../member/api.ts';
import { type RpcError, statusCode } from '../status.ts';
import { Admission } from './admission.ts';
import type { MethodRegistry } from './registry.ts';
import { ServingStatus } from './serving-status.ts';
import { decodeError, unary } from './unary.ts';

const wholeServer = '';
const unknownService: RpcError = { code: statusCode.notFound, message: 'unknown service' };

export function registerHealth(
  server: MethodRegistry,
  member: MemberApi,
  admission = new Admission(member),
  status = new ServingStatus(),
): void {
  const statusOf = (serves: boolean) => (serves ? servingStatus.serving : servingStatus.notServing);
  server.addUnary(
    '/grpc.health.v1.Health/Check',
    unary(admission, {
      decode: healthCheckRequest.decode,
      answer: (request, call) => {
        if (request.service === wholeServer)
          call.respond(healthCheckResponse.encode({ status: statusOf(status.serves()) }));
        else call.fail(unknownService);
      },
    }),
  );
  server.addStream('/grpc.health.v1.Health/Watch', (call) => {
    const refusal = admission.refuse('stream', call, false);
    if (refusal !== null) {
      call.fail(refusal);
      return;
    }
    let answered = false;
    call.onMessage((bytes) => {
      if (answered) return;
      answered = true;
      try {
        const { service } = healthCheckRequest.decode(bytes);
        if (service !== wholeServer) {
          // It never becomes known, so that this is all there is to say; the stream stays open.
          call.write(healthCheckResponse.encode({ status: servingStatus.serviceUnknown }));
          return;
        }
        const tell = (serves: boolean): void => {
          call.write(healthCheckResponse.encode({ status: statusOf(serves) }));
        };
        tell(status.serves());
        call.onCancel(status.watch(tell));
      } catch (error) {
        call.fail(decodeError(error));
      }
    });
  });
}
