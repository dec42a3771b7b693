import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Duration } from '../../../src/base/duration.ts';
import { encodeRecord, errorText, timestamp } from '../../../src/server/log/encode.ts';
import { createLogger } from '../../../src/server/log/logger.ts';
import type { Fields, Level, LogFormat } from '../../../src/server/log/record.ts';
import { messagesMax, Sampler } from '../../../src/server/log/sampler.ts';
import type { Sink } from '../../../src/server/log/sink.ts';

function golden(name: string): string[] {
  const text = readFileSync(new URL(`../../testdata/log/${name}`, import.meta.url), 'utf8');
  return text.split('\n').filter((line) => line !== '');
}

function microseconds(ts: string): number {
  return Date.parse(`${ts.slice(0, 23)}Z`) * 1000 + Number(ts.slice(23, 26));
}

class MemorySink implements Sink {
  text = '';
  dropped = 0;
  flushes = 0;

  write(line: string): void {
    this.text += line;
  }

  flush(): void {
    this.flushes++;
  }

  close(): void {
    this.flush();
  }

  takeDropped(): number {
    const { dropped } = this;
    this.dropped = 0;
    return dropped;
  }
}

function memoryLogger(level: Level = 'info', format: LogFormat = 'json') {
  const sink = new MemorySink();
  const nowUs = (): number => microseconds('2026-11-22T06:48:44.307393Z');
  return { sink, logger: createLogger({ level, format, sinks: [sink], nowUs }) };
}

describe('log lines are those of etcd', () => {
  test('JSON, byte for byte', () => {
    for (const line of golden('etcd-json.log')) {
      const { level, ts, logger = '', caller, msg, ...fields } = JSON.parse(line);
      const timeUs = microseconds(ts);
      expect(encodeRecord({ level, timeUs, logger, caller, message: msg, fields }, 'json')).toBe(`${line}\n`);
    }
  });

  test('console, byte for byte', () => {
    for (const line of golden('etcd-console.log')) {
      const columns = line.split('\t');
      const last = columns.at(-1) ?? '';
      const fields: Fields = last.startsWith('{') ? JSON.parse(last) : {};
      const [ts = '', level = '', ...rest] = last.startsWith('{') ? columns.slice(0, -1) : columns;
      const message = rest.at(-1) ?? '';
      const caller = rest.at(-2) ?? '';
      const logger = rest.length === 3 ? (rest[0] ?? '') : '';
      const record = { level: level as Level, timeUs: microseconds(ts), logger, caller, message, fields };
      expect(encodeRecord(record, 'console')).toBe(`${line}\n`);
    }
  });

  test('every kind of field has its form', () => {
    const { sink, logger } = memoryLogger();
    logger
      .named('raft')
      .at('member/driver.ts')
      .info('fields', {
        text: 'a"b\n',
        count: 3,
        id: 18249187646912138824n,
        yes: true,
        nothing: null,
        took: Duration.fromMs(3.032483),
        list: ['a', 1n, Duration.fromMs(1000)],
        nested: { inner: [true] },
        error: new Error('cannot read', { cause: new Error('no such file') }),
        infinite: Number.POSITIVE_INFINITY,
      });
    expect(sink.text).toBe(
      '{"level":"info","ts":"2026-11-22T06:48:44.307393Z","logger":"raft","caller":"member/driver.ts","msg":"fields",' +
        '"text":"a\\"b\\n","count":3,"id":18249187646912138824,"yes":true,"nothing":null,"took":"3.032483ms",' +
        '"list":["a",1,"1s"],"nested":{"inner":[true]},"error":"cannot read: no such file","infinite":"+Inf"}\n',
    );
  });

  test('a record is one line in either format', () => {
    for (const format of ['json', 'console'] as const) {
      const { sink, logger } = memoryLogger('info', format);
      logger.error('two\nlines\r', { error: 'also\ntwo' });
      expect(sink.text.split('\n').length).toBe(2);
    }
  });

  test('times keep their microseconds', () => {
    expect(timestamp(microseconds('1970-01-01T00:00:00.000001Z'))).toBe('1970-01-01T00:00:00.000001Z');
    expect(timestamp(microseconds('2026-12-31T23:59:59.999999Z'))).toBe('2026-12-31T23:59:59.999999Z');
  });

  test('an error without a message shows its name', () => {
    expect(errorText(new TypeError(''))).toBe('TypeError');
    expect(errorText(new Error('a: b', { cause: new Error('b') }))).toBe('a: b');
  });
});

describe('a logger', () => {
  test('prints its level and those above, and says so beforehand', () => {
    const { sink, logger } = memoryLogger('warn');
    logger.debug('no');
    logger.info('no');
    logger.warn('yes');
    logger.error('yes');
    expect(sink.text.split('\n').length).toBe(3);
    expect([logger.enabled('info'), logger.enabled('warn'), logger.level]).toEqual([false, true, 'warn']);
  });

  test('adds names with dots, and each line carries a caller', () => {
    const { sink, logger } = memoryLogger();
    logger.info('root');
    logger.named('a').named('b').info('named');
    const lines = sink.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines[0]).toMatchObject({ caller: 'etcd/main.ts' });
    expect(lines[0]).not.toHaveProperty('logger');
    expect(lines[1]).toMatchObject({ logger: 'a.b', caller: 'etcd/main.ts' });
  });

  test('flushes after a fatal line', () => {
    const { sink, logger } = memoryLogger();
    logger.info('not yet');
    expect(sink.flushes).toBe(0);
    logger.fatal('now');
    expect(sink.flushes).toBe(1);
  });

  test('tells how many lines a slow reader cost', () => {
    const { sink, logger } = memoryLogger();
    sink.dropped = 7;
    logger.info('after');
    const lines = sink.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => [line.msg, line.lines])).toEqual([
      ['dropped log lines because the reader did not keep up', 7],
      ['after', undefined],
    ]);
  });
});

describe('sampling', () => {
  test('of one message a second, the first 100 and then every 100th pass', () => {
    const sampler = new Sampler();
    const passed = Array.from({ length: 300 }, () => sampler.passes('info', 'flood', 5)).filter(Boolean).length;
    expect(passed).toBe(102);
    expect(sampler.passes('info', 'other', 5)).toBe(true);
    expect(sampler.passes('warn', 'flood', 5)).toBe(true);
    expect(sampler.passes('info', 'flood', 1_000_005)).toBe(true);
  });

  test('the count of distinct messages is bounded', () => {
    const sampler = new Sampler();
    for (let i = 0; i < 100; i++) sampler.passes('info', 'flood', 0);
    for (let i = 0; i < messagesMax; i++) expect(sampler.passes('info', `message ${i}`, 0)).toBe(true);
    expect(sampler.passes('info', 'flood', 0)).toBe(true);
  });
});
