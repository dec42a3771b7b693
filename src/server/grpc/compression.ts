/** Decompression of request messages. Node's zlib is loaded by the first compressed message: clients rarely compress. */
import { err, ok, type Result } from '../../base/result.ts';
import { goQuote } from './go-quote.ts';
import { type RpcError, statusCode } from './status.ts';

/** Whether messages in an encoding (header `grpc-encoding`, '' if there is none) can be read. */
export function isKnownEncoding(encoding: string): boolean {
  return encoding === '' || encoding === 'identity' || encoding === 'gzip';
}

export function unknownEncoding(encoding: string): RpcError {
  return {
    code: statusCode.unimplemented,
    message: `grpc: Decompressor is not installed for grpc-encoding ${goQuote(encoding)}`,
  };
}

/** The message behind a prefix with these flags, in a known encoding. The result may be the input itself. */
export function decodeMessage(
  flags: number,
  encoding: string,
  message: Buffer,
  bytesMax: number,
): Result<Buffer, RpcError> {
  if (flags === 0) return ok(message);
  if (flags !== 1) return err(internal(`grpc: received unexpected payload format ${flags}`));
  if (encoding !== 'gzip') return err(internal('grpc: compressed flag set with identity or empty encoding'));
  return gunzip(message, bytesMax);
}

function gunzip(message: Buffer, bytesMax: number): Result<Buffer, RpcError> {
  if (message.length === 0) return err(internal('grpc: failed to decompress the message: EOF'));
  const zlib = process.getBuiltinModule('node:zlib');
  try {
    return ok(zlib.gunzipSync(message, { maxOutputLength: bytesMax }));
  } catch (error) {
    if (error instanceof RangeError) {
      return err({
        code: statusCode.resourceExhausted,
        message: `grpc: received message after decompression larger than max ${bytesMax}`,
      });
    }
    return err(internal('grpc: failed to decompress the message: gzip: invalid header'));
  }
}

function internal(message: string): RpcError {
  return { code: statusCode.internal, message };
}
