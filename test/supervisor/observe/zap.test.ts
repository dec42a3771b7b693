import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseZapLine } from '../../../src/supervisor/observe/zap.ts';

describe('parseZapLine', () => {
  it('reads level, time, message, caller and fields of a line of etcd 3.6', () => {
    const line =
      '{"level":"info","ts":"2026-11-22T11:50:01.123456Z","logger":"raft","caller":"v3@v3.6.0/raft.go:912","msg":"8211f1d0f64f3269 became leader at term 2","peers":3}';
    expect(parseZapLine(line)).toEqual({
      level: 'info',
      ts: Date.UTC(2026, 10, 22, 11, 50, 1, 123),
      msg: '8211f1d0f64f3269 became leader at term 2',
      caller: 'v3@v3.6.0/raft.go:912',
      fields: { logger: 'raft', peers: 3 },
    });
  });

  it('reads the offset without a colon, and the seconds of a zap that is not set up', () => {
    expect(parseZapLine('{"level":"warn","ts":"2026-11-22T12:50:01.500+0100","msg":"m"}')?.ts).toBe(
      Date.UTC(2026, 10, 22, 11, 50, 1, 500),
    );
    expect(parseZapLine('{"level":"warn","ts":1795348201.5,"msg":"m"}')?.ts).toBe(1_795_348_201_500);
  });

  it('takes nothing else for a line of zap', () => {
    for (const line of [
      '',
      'plain text',
      '{',
      '{}',
      '{"level":"info"}',
      '{"level":"loud","msg":"m"}',
      '{"level":"info","msg":1}',
      '{"level":"info","msg":"cut}',
      '["level","info"]',
      '2026-11-22 11:50:01.000000 I | etcdserver: starting',
    ]) {
      expect(parseZapLine(line)).toBeNull();
    }
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (line) => void parseZapLine(line)));
  });
});
