import { describe, expect, it } from 'vitest';
import { MarkLines, marksMax } from '../../../src/ui/logs/mark-lines.ts';
import { cutText, Prompt, remember } from '../../../src/ui/logs/prompt.ts';
import { withTimeLimit } from '../../../src/ui/logs/time-limit.ts';
import { parseTime } from '../../../src/ui/logs/time-text.ts';
import { plainText } from '../../../src/ui/terminal/ansi.ts';
import { themeOf } from '../../../src/ui/theme.ts';
import { keymap } from '../keymap.ts';

function pressed(prompt: Prompt, ...keys: readonly string[]): string {
  for (const key of keys) prompt.key({ type: 'key', key, text: key.length === 1 ? key : '' });
  return prompt.text;
}

describe('a prompt', () => {
  it('is edited as a line of a shell', () => {
    const prompt = new Prompt(keymap, 'search', 'one two', false, ['older', 'oldest']);
    expect(pressed(prompt, 'left', 'backspace', 'x')).toBe('one txo');
    expect(pressed(prompt, 'delete', 'home', '^')).toBe('^one tx');
    expect(pressed(prompt, 'end', 'ctrl-w')).toBe('^one ');
    expect(pressed(prompt, 'ctrl-u')).toBe('');
    expect(pressed(prompt, 'up')).toBe('older');
    expect(pressed(prompt, 'up', 'up')).toBe('oldest');
    expect(pressed(prompt, 'down', 'down')).toBe('');
    pressed(prompt, 'alt-c');
    expect(prompt.ignoreCase).toBe(true);
    expect(prompt.key({ type: 'key', key: 'backspace', text: '' })).toBe('escape');
  });

  it('keeps the cursor in sight', () => {
    const prompt = new Prompt(keymap, 'filter', '漢'.repeat(30), false, []);
    expect(plainText(prompt.row(20, '', '', themeOf('mono')))).toBe(`&${'漢'.repeat(9)} `);
    pressed(prompt, 'home');
    expect(plainText(prompt.row(20, 'wrong', '', themeOf('mono')))).toBe(`&${'漢'.repeat(9)}`);
    expect(
      plainText(new Prompt(keymap, 'time', '', false, []).row(20, '', 'a long hint is cut', themeOf('mono'))),
    ).toBe('time   a long hint …');
  });

  it('remembers fifty texts, each once', () => {
    const texts = Array.from({ length: 60 }, (_, at) => `t${at}`).reduce<readonly string[]>(remember, []);
    expect(texts).toHaveLength(50);
    expect(remember(texts, 't30').slice(0, 2)).toEqual(['t30', 't59']);
    expect(cutText('数据库', 5)).toBe('数据…');
  });
});

describe('a time', () => {
  const now = new Date(2026, 10, 22, 15, 30, 0).getTime();
  const at = (...parts: [number, number, number, number, number, number?, number?]) => new Date(...parts).getTime();

  it('of day is the latest such', () => {
    expect(parseTime('15:04', now)).toBe(at(2026, 10, 22, 15, 4));
    expect(parseTime(' 15:04:05.25 ', now)).toBe(at(2026, 10, 22, 15, 4, 5, 250));
    expect(parseTime('15:31', now)).toBe(at(2026, 10, 21, 15, 31));
  });

  it('may be long ago, or have a date', () => {
    expect(parseTime('-90s', now)).toBe(now - 90_000);
    expect(parseTime('2026-11-22T14:00:00Z', now)).toBe(Date.UTC(2026, 10, 22, 14));
    expect(parseTime('2026-11-22 14:00', now)).toBe(at(2026, 10, 22, 14, 0));
  });

  it('that is none is refused', () => {
    for (const text of ['', 'noon', '24:00', '12:60', '12:00:60', '-soon', '5m'])
      expect(parseTime(text, now)).toBeNull();
  });
});

describe('a time limit', () => {
  it('lets pass what is quick, and errors', () => {
    expect(withTimeLimit(1000, () => 7)).toBe(7);
    expect(() =>
      withTimeLimit(1000, () => {
        throw new Error('own');
      }),
    ).toThrow('own');
  });

  it('breaks off what does not end', () => {
    expect(
      withTimeLimit(20, () => {
        for (;;);
      }),
    ).toBeNull();
  });
});

describe('marks', () => {
  it('are a thousand at most', () => {
    const marks = new MarkLines();
    for (let at = 0; at < marksMax; at++) marks.add(at);
    expect([marks.first, marks.end]).toEqual([0, marksMax]);
    marks.add(5);
    expect([marks.first, marks.end]).toEqual([1, marksMax + 1]);
    expect(marks.orderOf(marksMax)).toBe(marksMax - 1);
    expect([marks.lineAt(0), marks.lineAt(500), marks.lineAt(5000)]).toEqual([1, 500, marksMax + 1]);
  });
});
