/** Log records as text, in the two formats of etcd's zap: one JSON object per line, or tab-separated columns. */
import { Duration } from '../../base/duration.ts';
import type { Fields, FieldValue, LogFormat, LogRecord } from './record.ts';

/** One line, with its line feed. */
export function encodeRecord(record: LogRecord, format: LogFormat): string {
  return format === 'json' ? encodeJson(record) : encodeConsole(record);
}

/** {"level":…,"ts":…,"logger":…,"caller":…,"msg":…, fields…}; "logger" only if named. */
function encodeJson(record: LogRecord): string {
  const logger = record.logger === '' ? '' : `,"logger":${JSON.stringify(record.logger)}`;
  const caller = JSON.stringify(record.caller);
  const message = JSON.stringify(record.message);
  let line = `{"level":"${record.level}","ts":"${timestamp(record.timeUs)}"${logger},"caller":${caller},"msg":${message}`;
  for (const key in record.fields) line += `,${JSON.stringify(key)}:${encodeValue(record.fields[key], compact)}`;
  return `${line}}\n`;
}

/** ts⇥level⇥[logger⇥]caller⇥msg[⇥{fields}]. Line breaks in the message are escaped: a record is always one line. */
function encodeConsole(record: LogRecord): string {
  const columns = [timestamp(record.timeUs), record.level];
  if (record.logger !== '') columns.push(record.logger);
  columns.push(record.caller, record.message.replaceAll('\r', '\\r').replaceAll('\n', '\\n'));
  const fields = encodeObject(record.fields, spaced);
  if (fields !== '{}') columns.push(fields);
  return `${columns.join('\t')}\n`;
}

/** RFC 3339 in UTC with microseconds: 2026-11-22T06:48:44.307393Z. */
export function timestamp(timeUs: number): string {
  const ms = Math.floor(timeUs / 1000);
  const micros = Math.floor(timeUs - ms * 1000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

/** The message of an error followed by those of its causes, as Go's wrapped errors read. */
export function errorText(error: Error): string {
  const { cause } = error;
  if (cause instanceof Error && !error.message.includes(cause.message)) return `${error.message}: ${errorText(cause)}`;
  return error.message === '' ? error.name : error.message;
}

interface Separators {
  readonly comma: string;
  readonly colon: string;
}

const compact: Separators = { comma: ',', colon: ':' };
const spaced: Separators = { comma: ', ', colon: ': ' };

function encodeValue(value: FieldValue | undefined, separators: Separators): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value);
    case 'number':
      return encodeNumber(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      break;
    default:
      return 'null';
  }
  if (value === null) return 'null';
  if (value instanceof Duration) return `"${value.toString()}"`;
  if (value instanceof Error) return JSON.stringify(errorText(value));
  if (isList(value)) return `[${value.map((item) => encodeValue(item, separators)).join(separators.comma)}]`;
  return encodeObject(value, separators);
}

function isList(value: FieldValue & object): value is readonly FieldValue[] {
  return Array.isArray(value); // Array.isArray alone does not narrow a readonly array
}

function encodeObject(fields: Fields, separators: Separators): string {
  const pairs = Object.entries(fields).map(
    ([key, value]) => JSON.stringify(key) + separators.colon + encodeValue(value, separators),
  );
  return `{${pairs.join(separators.comma)}}`;
}

function encodeNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? '"NaN"' : value > 0 ? '"+Inf"' : '"-Inf"';
}
