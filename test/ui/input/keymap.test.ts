import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allBindings, namesOf, places } from '../../../src/ui/input/bindings.ts';
import type { KeySettings } from '../../../src/ui/input/keymap.ts';
import { keymapOf, keyText } from '../../../src/ui/input/keymap.ts';
import { keymapWith } from '../keymap.ts';

describe('the keymap', () => {
  it('has the defaults', () => {
    const { bindingOf, logBindingOf, keysOf } = keymapWith();
    expect(bindingOf('k')).toBe('kill');
    expect(bindingOf('ctrl-p')).toBe('palette');
    expect(bindingOf('F')).toBeNull();
    expect(logBindingOf('/')).toBe('log-search');
    expect(keysOf('quit')).toEqual(['q', 'ctrl-c']);
  });

  it('by default has no key that means two things in one place, and none for nothing', () => {
    for (const place of places) {
      const keys = place.flatMap((name) => allBindings[name].keys);
      expect([...keys].sort()).toEqual([...new Set(keys)].sort());
    }
    for (const name of namesOf(allBindings)) expect(allBindings[name].keys.length).toBeGreaterThan(0);
  });

  it('by default has no key that the user could not give', () => {
    const same = Object.fromEntries(namesOf(allBindings).map((name) => [name, allBindings[name].keys]));
    const { keysOf } = keymapWith(same);
    for (const name of namesOf(allBindings)) expect(keysOf(name)).toEqual(allBindings[name].keys);
  });

  it('takes a key that the user gives to one thing from another', () => {
    const { bindingOf, keysOf } = keymapWith({ kill: 'x', partition: ['ctrl-x'] });
    expect(bindingOf('x')).toBe('kill');
    expect(bindingOf('k')).toBeNull();
    expect(keysOf('partition')).toEqual(['ctrl-x']);
  });

  it('tells places apart: the log pane and the rest of the screen may have the same key', () => {
    const { bindingOf, logBindingOf } = keymapWith({ 'log-next': 'k', 'log-mark': 'x' });
    expect([logBindingOf('k'), bindingOf('k')]).toEqual(['log-next', 'kill']);
    expect([logBindingOf('n'), logBindingOf('x'), bindingOf('x')]).toEqual([null, 'log-mark', 'partition']);
  });

  it('but for what is the same everywhere', () => {
    const taken = keymapWith({ 'log-next': '1' });
    expect([taken.logBindingOf('1'), taken.bindingOf('1')]).toEqual(['log-next', null]);
    const given = keymapWith({ help: 'w' });
    expect([given.logBindingOf('w'), given.bindingOf('w')]).toEqual([null, 'help']);
  });

  it('takes keys of later files from earlier ones', () => {
    const { bindingOf, keysOf } = keymapWith({ kill: 'x', pause: 'f2' }, { stop: 'x' });
    expect([bindingOf('x'), bindingOf('f2')]).toEqual(['stop', 'pause']);
    expect(keysOf('kill')).toEqual([]);
  });

  it('gives other keys to dialogs, texts and switches', () => {
    const keymap = keymapWith({ 'dialog-down': ['j', 'down'], 'text-erase': 'ctrl-g', 'switch-toggle': 'x' });
    expect(['j', 'down', 'tab'].map(keymap.dialogBindingOf)).toEqual(['dialog-down', 'dialog-down', null]);
    expect(['ctrl-g', 'backspace'].map(keymap.textBindingOf)).toEqual(['text-erase', null]);
    expect(['x', 'space'].map(keymap.switchBindingOf)).toEqual(['switch-toggle', null]);
  });

  it.each<[KeySettings, object]>([
    [{ kil: 'x' }, { name: 'kil', index: null, target: 'key', message: 'there is nothing called kil' }],
    [{ kill: 'xx' }, { name: 'kill', index: null, target: 'value', message: 'kill: "xx" is no key' }],
    [{ kill: ['a', 'ctrl-i'] }, { name: 'kill', index: 1, message: 'kill: ctrl-i is no key of its own' }],
    [
      { kill: 'x', pause: ['p', 'x'] },
      { name: 'pause', index: 1, message: 'x cannot be both kill and pause' },
    ],
    [
      { 'log-next': 'x', 'log-mark': 'x' },
      { name: 'log-mark', message: 'x cannot be both log-next and log-mark' },
    ],
    [
      { help: 'x', 'log-mark': 'x' },
      { name: 'log-mark', message: 'x cannot be both help and log-mark' },
    ],
    [{ 'text-erase': 'x' }, { name: 'text-erase', message: 'text-erase: x is needed to be typed' }],
    [{ quit: [] }, { name: 'quit', message: 'nothing would quit any more', hint: 'give quit a key' }],
    [{ kill: ['q', 'ctrl-c'] }, { name: 'kill', message: 'nothing would quit any more' }],
    [{ 'dialog-close': [] }, { name: 'dialog-close', message: 'nothing would close a dialog any more' }],
  ])('refuses %j', (settings, problem) => {
    const made = keymapOf(settings);
    expect(made.ok ? [] : made.error).toMatchObject([problem]);
  });

  it('tells all that is wrong at once, and what may have been meant', () => {
    const made = keymapOf({ 'log-serch': 'x', stopp: 'x', kill: '', 'log-wander': 'z', nosuch: 'y' });
    const hints = made.ok ? [] : made.error.map((one) => one.hint);
    expect(hints).toHaveLength(5);
    expect(hints.slice(0, 2)).toEqual(['did you mean log-search?', 'did you mean stop?']);
    expect(hints[3]).toMatch(/^known are logs, log-search, log-next, /);
    expect(hints[4]).toMatch(/^known are kill, .*, switch-done$/);
  });

  it.each([
    ['ctrl-p', '^P'],
    ['enter', '⏎'],
    ['x', 'x'],
    ['f', 'f'],
    ['f5', 'F5'],
    ['alt-c', 'Alt-c'],
    ['page-down', 'PgDn'],
  ])('shows %s as %s', (key, text) => {
    expect(keyText(key)).toBe(text);
  });
});

it('names every binding in the manual', () => {
  const manual = readFileSync(new URL('../../../docs/dashboard.md', import.meta.url), 'utf8');
  expect(namesOf(allBindings).filter((name) => !manual.includes(`\`${name}\``))).toEqual([]);
});
