/** What a request's headers mean to gRPC. Derived once per header list, which equal requests share. */
import type { HeaderList } from '../http2/hpack-decoder.ts';
import type { HeaderTemplate } from '../http2/hpack-encoder.ts';
import { isKnownEncoding, unknownEncoding } from './compression.ts';
import { goQuote } from './go-quote.ts';
import { binaryValueFault, contentSubtype, isBinaryValue, Metadata } from './metadata.ts';
import { responseHeaders } from './response.ts';
import { type RpcError, statusCode } from './status.ts';
import { parseTimeout } from './timeout.ts';

/** A request that is answered without a handler. */
export interface Refusal {
  readonly httpStatus: number;
  readonly error: RpcError;
}

export class RequestHead {
  readonly path: string;
  /** The part of the content type after `application/grpc+`. */
  readonly subtype: string;
  /** Milliseconds, or null if the client sets no deadline. */
  readonly timeoutMs: number | null;
  /** The header `grpc-encoding`; '' if it is missing. */
  readonly encoding: string;
  readonly refusal: Refusal | null;
  readonly responseHeaders: HeaderTemplate;
  private readonly fields: readonly string[];
  private lazyMetadata: Metadata | null = null;

  /** `explainMissing` tells what is wrong with a path that has no method, or null. */
  constructor(headers: HeaderList, explainMissing: (path: string) => RpcError | null) {
    this.fields = headers.fields;
    let path = '';
    let verb = '';
    let contentType = '';
    let encoding = '';
    let timeoutMs: number | null = null;
    let fault: string | null = null;
    let authorities = 0;
    let hosts = 0;
    for (let i = 0; i < this.fields.length; i += 2) {
      const name = this.fields[i] as string;
      const value = this.fields[i + 1] as string;
      switch (name) {
        case ':path':
          path = value;
          break;
        case ':method':
          verb = value;
          break;
        case 'content-type':
          contentType = value;
          break;
        case 'grpc-encoding':
          encoding = value;
          break;
        case 'grpc-timeout': {
          const timeout = parseTimeout(value);
          if (timeout.ok) timeoutMs = timeout.value;
          else fault = `malformed grpc-timeout: ${timeout.error}`;
          break;
        }
        case ':authority':
          authorities++;
          break;
        case 'host':
          hosts++;
          break;
        default:
          if (name.endsWith('-bin') && !isBinaryValue(value)) {
            const at = binaryValueFault(value);
            fault = `malformed binary metadata ${goQuote(value)} in header ${goQuote(name)}: illegal base64 data at input byte ${at}`;
          }
      }
    }
    const subtype = contentSubtype(contentType);
    this.path = path;
    this.subtype = subtype ?? '';
    this.timeoutMs = timeoutMs;
    this.encoding = encoding;
    this.responseHeaders = responseHeaders(this.subtype);
    if (authorities > 1 || hosts > 1) {
      fault = `num values of :authority: ${authorities}, num values of host: ${hosts}, both must only have 1 value as per HTTP/2 spec`;
      this.refusal = refuse(400, statusCode.internal, fault);
    } else if (subtype === null) {
      this.refusal = refuse(
        415,
        statusCode.invalidArgument,
        `invalid gRPC request content-type ${goQuote(contentType)}`,
      );
    } else if (fault !== null) this.refusal = refuse(400, statusCode.internal, fault);
    else if (verb !== 'POST') {
      fault = `Received a HEADERS frame with :method ${goQuote(verb)} which should be POST`;
      this.refusal = refuse(405, statusCode.internal, fault);
    } else {
      const error = explainMissing(path) ?? (isKnownEncoding(encoding) ? null : unknownEncoding(encoding));
      this.refusal = error === null ? null : { httpStatus: 200, error };
    }
  }

  get metadata(): Metadata {
    this.lazyMetadata ??= new Metadata(this.fields);
    return this.lazyMetadata;
  }
}

function refuse(httpStatus: number, code: RpcError['code'], message: string): Refusal {
  return { httpStatus, error: { code, message } };
}
