import { describe, expect, it } from 'vitest';
import { keymapOf, keyText } from '../../../src/ui/input/keymap.ts';

function keymap(settings: Parameters<typeof keymapOf>[0]) {
  const made = keymapOf(settings);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

describe('the keymap', () => {
  it('has the defaults', () => {
    const { bindingOf, keysOf } = keymap({});
    expect(bindingOf('k')).toBe('kill');
    expect(bindingOf('ctrl-p')).toBe('palette');
    expect(bindingOf('F')).toBeNull();
    expect(keysOf('quit')).toEqual(['q', 'ctrl-c']);
  });

  it('no key means two things by default', () => {
    const { bindingOf, keysOf } = keymap({});
    expect(keysOf('kill').map(bindingOf)).toEqual(['kill']);
  });

  it('takes a key that the user gives to one thing from another', () => {
    const { bindingOf, keysOf } = keymap({ kill: 'x', partition: ['ctrl-x'] });
    expect(bindingOf('x')).toBe('kill');
    expect(bindingOf('k')).toBeNull();
    expect(keysOf('partition')).toEqual(['ctrl-x']);
  });

  it.each([
    [{ kil: 'x' }, /^keys: there is nothing called kil: known are kill, /],
    [{ kill: 'xx' }, /^keys: kill: "xx" is no key/],
    [{ kill: 'x', pause: 'x' }, /^keys: x cannot be both kill and pause$/],
    [{ quit: [] }, /^keys: nothing would quit any more/],
    [{ kill: ['q', 'ctrl-c'] }, /^keys: nothing would quit any more/],
  ])('refuses %j', (settings, error) => {
    const made = keymapOf(settings);
    expect(made.ok ? '' : made.error).toMatch(error);
  });

  it.each([
    ['ctrl-p', '^P'],
    ['enter', '⏎'],
    ['x', 'x'],
  ])('shows %s as %s', (key, text) => {
    expect(keyText(key)).toBe(text);
  });
});
