import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { controlCommands, parseRequest, tokenOf } from '../../src/supervisor/control-protocol.ts';
import { isToken } from '../../src/supervisor/control-token.ts';

const document = readFileSync(new URL('../../docs/control-protocol.md', import.meta.url), 'utf8');

describe('the control protocol', () => {
  it('has every command in its document, and no other', () => {
    const table = document.slice(document.indexOf('| command |'), document.indexOf('Unknown fields'));
    const documented = [...table.matchAll(/^\| `([a-z-]+)`/gm)].map((match) => match[1]);
    expect(documented).toEqual([...controlCommands]);
  });

  it('reads requests, and says what is wrong with others', () => {
    expect(parseRequest('{"command":"stop","names":["web"],"more":1}')).toEqual({
      ok: true,
      value: { command: 'stop', names: ['web'] },
    });
    expect(parseRequest('{"command":"fault","words":["kill","leader"]}')).toEqual({
      ok: true,
      value: { command: 'fault', words: ['kill', 'leader'] },
    });
    expect(parseRequest('{"command":"status"}')).toEqual({ ok: true, value: { command: 'status', names: [] } });
    expect(parseRequest('{"command":"rolling-restart","timeoutMs":5000}')).toEqual({
      ok: true,
      value: { command: 'rolling-restart', names: [], timeoutMs: 5000 },
    });
    for (const [line, error] of [
      ['{"command":"rolling-restart","timeoutMs":-1}', 'timeoutMs is a number of milliseconds, a day at most'],
      ['stop web', 'a request is one line of JSON'],
      ['[]', 'a request has a command'],
      ['{"command":"fly"}', 'unknown command fly'],
      ['{"command":"stop","names":"web"}', 'names are strings'],
      ['{"command":"fault"}', 'words of a fault are strings'],
    ] as const) {
      expect(parseRequest(line)).toEqual({ ok: false, error });
    }
  });

  it('takes a token only as text, and only the right one', () => {
    expect(tokenOf('{"command":"status","token":"abc"}')).toBe('abc');
    for (const line of ['', '[]', 'null', '{"token":1}', '{}']) expect(tokenOf(line)).toBe('');
    expect(isToken('abc', 'abc')).toBe(true);
    for (const wrong of ['', 'ab', 'abcd', 'ABC']) expect(isToken(wrong, 'abc')).toBe(false);
  });
});
