/** The header lists of responses. */
import type { HeaderTemplate } from '../http2/hpack-encoder.ts';
import { contentTypeOf, encodeStatusMessage } from './metadata.ts';
import type { RpcError } from './status.ts';

const plainHeaders: HeaderTemplate = {
  fields: [':status', '200', 'content-type', contentTypeOf('')],
  repeats: true,
};

/** Trailers of a call that went well. */
export const okTrailers: HeaderTemplate = { fields: ['grpc-status', '0'], repeats: true };

/** Headers before the first message. */
export function responseHeaders(subtype: string): HeaderTemplate {
  if (subtype === '') return plainHeaders;
  return { fields: [':status', '200', 'content-type', contentTypeOf(subtype)], repeats: false };
}

/** Trailers of a call that failed after its headers were sent. */
export function errorTrailers(error: RpcError): HeaderTemplate {
  return {
    fields: ['grpc-status', String(error.code), 'grpc-message', encodeStatusMessage(error.message)],
    repeats: false,
  };
}

/** A whole response in one header list: "Trailers-Only". */
export function trailersOnly(httpStatus: number, subtype: string, trailers: HeaderTemplate): HeaderTemplate {
  return {
    fields: [':status', String(httpStatus), 'content-type', contentTypeOf(subtype), ...trailers.fields],
    repeats: false,
  };
}
