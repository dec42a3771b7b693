/** grpc.health.v1.Health as etcd serves it: one entry, the server as a whole, under the empty name. */
import { healthCheckRequest, healthCheckResponse, servingStatus } from '../../../proto/healthpb.ts';
import type { MemberApi } from '../../member/api.ts';
import { type RpcError, statusCode } from '../status.ts';
import { Admission } from './admission.ts';
import type { MethodRegistry } from './registry.ts';
import { decodeError, unary } from './unary.ts';

const wholeServer = '';
const unknownService: RpcError = { code: statusCode.notFound, message: 'unknown service' };

export function registerHealth(server: MethodRegistry, member: MemberApi, admission = new Admission(member)): void {
  server.addUnary(
    '/grpc.health.v1.Health/Check',
    unary(admission, {
      decode: healthCheckRequest.decode,
      answer: (request, call) => {
        if (request.service === wholeServer)
          call.respond(healthCheckResponse.encode({ status: servingStatus.serving }));
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
    // The status of a running server does not change, so one message is all there is to say; the stream stays open.
    let answered = false;
    call.onMessage((bytes) => {
      if (answered) return;
      answered = true;
      try {
        const { service } = healthCheckRequest.decode(bytes);
        const status = service === wholeServer ? servingStatus.serving : servingStatus.serviceUnknown;
        call.write(healthCheckResponse.encode({ status }));
      } catch (error) {
        call.fail(decodeError(error));
      }
    });
  });
}
