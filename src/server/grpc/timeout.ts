/** The request header `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Requests"). Texts of errors as grpc-go has them. */
import { err, ok, type Result } from '../../base/result.ts';
import { goQuote } from './go-quote.ts';

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

const timeoutCharsMax = 9;

/** Milliseconds, possibly a fraction, or the complaint about the value. */
export function parseTimeout(value: string): Result<number, string> {
  if (value.length < 2) return err(`transport: timeout string is too short: ${goQuote(value)}`);
  if (value.length > timeoutCharsMax) return err(`transport: timeout string is too long: ${goQuote(value)}`);
  const unit = unitMs[value.charAt(value.length - 1)];
  if (unit === undefined) return err(`transport: timeout unit is not recognized: ${goQuote(value)}`);
  const digits = value.slice(0, -1);
  if (!/^[+-]?[0-9]+$/.test(digits)) return err(`strconv.ParseInt: parsing ${goQuote(digits)}: invalid syntax`);
  return ok(Number(digits) * unit);
}
