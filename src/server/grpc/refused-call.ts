/** A request that is answered by its headers alone: not gRPC, no such method, malformed. */
import type { Http2Connection } from '../http2/connection.ts';
import { ServerStream } from '../http2/stream.ts';
import type { Refusal } from './request-head.ts';
import { errorTrailers, trailersOnly } from './response.ts';

export class RefusedCall extends ServerStream {
  private readonly refusal: Refusal;
  private readonly subtype: string;

  constructor(connection: Http2Connection, id: number, refusal: Refusal, subtype: string) {
    super(connection, id);
    this.refusal = refusal;
    this.subtype = subtype;
  }

  handleOpen(): void {
    const { httpStatus, error } = this.refusal;
    this.connection.sendHeaders(this, trailersOnly(httpStatus, this.subtype, errorTrailers(error)), true);
  }

  handleData(): void {}
  handleRemoteEnd(): void {}
  handleGone(): void {}
  handleDrain(): void {}
  handleUncongested(): void {}
}
