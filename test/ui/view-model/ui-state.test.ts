import { describe, expect, it } from 'vitest';
import type { Observation } from '../../../src/supervisor/observe/model.ts';
import type { InputEvent } from '../../../src/ui/input/event.ts';
import { commandText } from '../../../src/ui/source.ts';
import { helpLines, keyBarView, statusLine } from '../../../src/ui/view-model/chrome.ts';
import { dialogView } from '../../../src/ui/view-model/dialog.ts';
import { layoutOf } from '../../../src/ui/view-model/layout.ts';
import type { Effect, Surroundings, UiState } from '../../../src/ui/view-model/ui-state.ts';
import { initialState, settle, update } from '../../../src/ui/view-model/ui-state.ts';
import { keymap, keymapWith } from '../keymap.ts';
import { calm, facts, leaderCutOff, leaderKilled, nothingRuns, startMs } from '../observations.ts';

function aroundOf(state: UiState, observation: Observation, keys = keymap): Surroundings {
  const contents = { processes: observation.processes.length, members: 3 };
  const layout = layoutOf({ width: 100, height: 30 }, state.view, state.zoomed ? state.focus : null, contents);
  const keyBar = keyBarView(state.focus, keys, 100).hits;
  return { observation, layout, keymap: keys, firstProcess: 0, firstProcessRow: 3, helpScrollMax: 15, keyBar };
}

/** What keys, pressed one after the other, come to. */
function press(observation: Observation, ...keys: readonly string[]): { state: UiState; effects: readonly Effect[] } {
  let state = settle(initialState('dark'), observation, aroundOf(initialState('dark'), observation).layout);
  const effects: Effect[] = [];
  for (const key of keys) {
    const text = [...key].length === 1 ? key : key === 'space' ? ' ' : '';
    const event: InputEvent = { type: 'key', key, text };
    const step = update(state, event, aroundOf(state, observation));
    state = settle(step.state, observation, aroundOf(step.state, observation).layout);
    effects.push(...step.effects);
  }
  return { state, effects };
}

function commands(observation: Observation, ...keys: readonly string[]): string[] {
  return press(observation, ...keys).effects.flatMap((effect) =>
    effect.type === 'act' ? [commandText(effect.action)] : [],
  );
}

describe('keys that do something to the run', () => {
  it.each([
    [['k'], 'clusterctl fault kill etcd1'],
    [['down', 'k'], 'clusterctl fault kill etcd2'],
    [['K'], 'clusterctl fault kill leader'],
    [['p'], 'clusterctl fault pause etcd1'],
    [['x', 'enter'], 'clusterctl fault partition --isolate etcd1'],
    [['down', 'x', '2'], 'clusterctl fault partition --isolate leader'],
    [['l', 'down', 'enter'], 'clusterctl fault delay 100ms --member etcd1'],
    [['L', '1'], 'clusterctl fault loss 5% --member etcd1'],
    [['d', '2'], 'clusterctl fault disk etcd1 --slow 500ms'],
    [['m', '2'], 'clusterctl fault move-leader etcd3'],
    [['H'], 'clusterctl fault heal --all'],
    [['s'], 'clusterctl run stop etcd1'],
    [['r'], 'clusterctl run restart etcd1'],
  ])('%j: %s', (keys, command) => {
    expect(commands(calm, ...keys)).toEqual([command]);
  });

  it('start what is down, and resume what is paused', () => {
    expect(commands(leaderKilled, 's')).toEqual(['clusterctl run start etcd1']);
    const paused = { ...calm, processes: [facts(0, { state: 'paused' })] };
    expect(commands(paused, 'p')).toEqual(['clusterctl fault resume etcd1']);
  });

  it('heal the only fault at once, and ask which of several', () => {
    expect(commands(leaderCutOff, 'h')).toEqual(['clusterctl fault heal f2']);
    expect(commands(leaderCutOff, 'u')).toEqual(['clusterctl fault heal f2']);
    const [fault] = leaderCutOff.faults;
    const two = { ...leaderCutOff, faults: fault === undefined ? [] : [fault, { ...fault, id: 'f3' }] };
    expect(commands(two, 'h', '2')).toEqual(['clusterctl fault heal f3']);
    expect(commands(two, 'h', 'end', 'enter')).toEqual(['clusterctl fault heal --all']);
    expect(commands(two, 'u')).toEqual(['clusterctl fault heal f3']);
  });

  it('say why where there is nothing to do', () => {
    expect(press(calm, 'h').state.notice?.text).toBe('No fault is active.');
    expect(press(leaderKilled, 'k').state.notice?.text).toBe('etcd1 does not run.');
    expect(press(calm, 'end', 'down', 'down', 'down', 'd').state.notice?.text).toBe('web is no etcd member.');
    expect(press(nothingRuns, 'k').state.notice?.text).toBe('There is no process.');
  });

  it('quote a link for a shell, whose direction sign means something to it', () => {
    const menu = press(calm, 'x').state.dialog;
    const cut = menu?.type === 'menu' ? menu.choices.find((one) => one.label === 'Cut etcd1 → etcd2') : undefined;
    expect(cut === undefined ? '' : commandText(cut.action)).toBe("clusterctl fault partition --link 'etcd1>etcd2'");
  });

  it('leave the command for y to copy', () => {
    expect(press(calm, 'K', 'y').effects).toEqual([
      { type: 'act', action: { words: ['fault', 'kill', 'leader'] } },
      { type: 'copy', text: 'clusterctl fault kill leader' },
    ]);
  });
});

describe('the palette', () => {
  const find = (query: string) => [':', ...[...query].map((one) => (one === ' ' ? 'space' : one)), 'enter'];

  it('finds an action by some letters of it', () => {
    expect(commands(calm, ...find('isol lead'))).toEqual(['clusterctl fault partition --isolate leader']);
    expect(commands(calm, ...find('fault pause etcd3'))).toEqual(['clusterctl fault pause etcd3']);
  });

  it('asks before it does something to all processes', () => {
    const asked = press(calm, ...find('run restart-all'));
    expect(asked.effects).toEqual([]);
    expect(asked.state.dialog?.type).toBe('confirm');
    expect(commands(calm, ...find('run restart-all'), 'y')).toEqual(['clusterctl run restart-all']);
    expect(commands(calm, ...find('run restart-all'), 'n')).toEqual([]);
  });

  it('finds views too', () => {
    expect(press(calm, ...find('view links')).state.view).toBe('links');
  });

  it('closes on escape, and does nothing when nothing matches', () => {
    expect(press(calm, ':', 'escape').state.dialog).toBeNull();
    expect(press(calm, ...find('zzzz')).effects).toEqual([]);
  });

  it('takes paste and edits', () => {
    const { state } = press(calm, ':', 'a', 'b', 'backspace');
    expect(state.dialog).toEqual({ type: 'palette', query: 'a', index: 0 });
    const pasted = update(state, { type: 'paste', text: 'bc\nq' }, aroundOf(state, calm)).state;
    expect(pasted.dialog).toEqual({ type: 'palette', query: 'abc', index: 0 });
  });
});

describe('the screen', () => {
  it('goes round the parts that are shown', () => {
    expect(press(calm, 'tab').state.focus).toBe('timeline');
    expect(press(calm, 'tab', 'tab').state.focus).toBe('logs');
    expect(press(calm, 'tab', 'tab', 'tab').state.focus).toBe('members');
    expect(press(calm, 'shift-tab').state.focus).toBe('logs');
  });

  it('zooms the part that has the focus, and back', () => {
    expect(press(calm, 'tab', 'enter').state).toMatchObject({ zoomed: true, focus: 'timeline' });
    expect(press(calm, 'enter', 'escape').state.zoomed).toBe(false);
  });

  it('scrolls the timeline back and follows again at its end', () => {
    const late = { ...calm, atMs: startMs + 600_000 };
    expect(press(late, 'left').state.window.endMs).toBe(startMs + 585_000);
    expect(press(late, 'left', 'right').state.window.endMs).toBeNull();
    expect(press(late, 'home').state.window.endMs).toBe(startMs);
    expect(press(late, 'home', 'end').state.window.endMs).toBeNull();
  });

  it('scrolls help to its end and not beyond', () => {
    const scroll = (...keys: string[]) => press(calm, '?', ...keys).state.dialog;
    expect(scroll('page-down', 'page-down', 'page-down', 'up')).toEqual({ type: 'help', scroll: 14 });
    expect(scroll('end')).toEqual({ type: 'help', scroll: 15 });
    expect(scroll('down', 'home', 'up')).toEqual({ type: 'help', scroll: 0 });
    expect(scroll('?')).toBeNull();
  });

  it('keeps the selection on a process that exists', () => {
    const { state } = press(calm, 'down', 'down', 'down', 'down', 'down');
    expect(state.selected).toBe('web');
    const fewer = { ...calm, processes: calm.processes.slice(0, 2) };
    expect(settle(state, fewer, aroundOf(state, fewer).layout).selected).toBe('etcd1');
  });

  it('quits on q and on Ctrl-C, from inside of a dialog too', () => {
    expect(press(calm, 'q').effects).toEqual([{ type: 'quit' }]);
    expect(press(calm, ':', 'ctrl-c').effects).toEqual([{ type: 'quit' }]);
    expect(press(calm, ':', 'q').effects).toEqual([]);
  });
});

describe('keys in dialogs, as the user gave them', () => {
  const keys = keymapWith({
    'dialog-down': 'j',
    'dialog-accept': ['space', 'f2'],
    'dialog-close': 'f10',
    'dialog-yes': 'o',
    'text-erase': 'f3',
    help: 'f1',
  });
  const outcome = (...pressed: readonly string[]) => {
    let state = settle(initialState('dark'), calm, aroundOf(initialState('dark'), calm, keys).layout);
    const words: string[] = [];
    for (const key of pressed) {
      const text = [...key].length === 1 ? key : key === 'space' ? ' ' : '';
      const step = update(state, { type: 'key', key, text }, aroundOf(state, calm, keys));
      ({ state } = step);
      words.push(...step.effects.flatMap((effect) => (effect.type === 'act' ? [commandText(effect.action)] : [])));
    }
    return { dialog: state.dialog, words };
  };

  it('move and choose in a menu', () => {
    expect(outcome('l', 'j', 'space').words).toEqual(['clusterctl fault delay 100ms --member etcd1']);
    expect(outcome('l', 'down', 'enter', 'escape', 'q').dialog).toMatchObject({ type: 'menu', index: 0 });
    expect(outcome('l', 'f10').dialog).toBeNull();
  });

  it('answer a question', () => {
    const asked = [':', ...'run restart-all'.replace(' ', ''), 'f2'];
    expect(outcome(...asked, 'y').dialog?.type).toBe('confirm');
    expect(outcome(...asked, 'o').words).toEqual(['clusterctl run restart-all']);
  });

  it('in the palette type what types something', () => {
    expect(outcome(':', 'j', 'o', 'f3', 'backspace').dialog).toMatchObject({ query: 'j' });
    expect(outcome(':', 'j', 'f10').dialog).toBeNull();
  });

  it('scroll and close help', () => {
    expect(outcome('f1', 'j', 'j').dialog).toEqual({ type: 'help', scroll: 2 });
    expect(outcome('f1', 'f1').dialog).toBeNull();
    expect(outcome('?').dialog).toBeNull();
  });

  it('are those that help and hints name', () => {
    const lines = helpLines(keys, true).map((line) => line.map((one) => one.text).join(''));
    expect(lines).toContain('j           Down');
    expect(lines).toContain('Space F2    Do what is chosen');
    expect(lines).toContain('/           Search the whole history for a pattern');
    expect(helpLines(keymapWith({ undo: [] }), false).map((line) => line.map((one) => one.text).join(''))).toContain(
      '-           Heal the youngest fault',
    );
    const menu = dialogView({ type: 'menu', title: '', choices: [], index: 0 }, calm, keys, true, {
      width: 80,
      height: 24,
    });
    expect(menu.hint).toBe('Space or a number does it   F10 closes');
  });
});

describe('the mouse', () => {
  const click = (row: number, column: number): InputEvent => ({
    type: 'mouse',
    action: 'press',
    button: 'left',
    row,
    column,
  });
  const start = settle(initialState('dark'), calm, aroundOf(initialState('dark'), calm).layout);

  it('selects a process', () => {
    expect(update(start, click(5, 10), aroundOf(start, calm)).state.selected).toBe('etcd3');
    expect(update(start, click(2, 10), aroundOf(start, calm)).state.selected).toBe('etcd1');
  });

  it('focuses a part', () => {
    expect(update(start, click(26, 10), aroundOf(start, calm)).state.focus).toBe('logs');
  });

  it('moves the selection with its wheel', () => {
    const wheel: InputEvent = { type: 'mouse', action: 'wheel-down', button: 'none', row: 4, column: 4 };
    expect(update(start, wheel, aroundOf(start, calm)).state.selected).toBe('etcd2');
  });
});

describe('the status line', () => {
  const command = 'clusterctl fault kill leader';
  const line = (text: string) =>
    statusLine({ level: 'info', text }, command, 'y', 100)
      .map((one) => one.text)
      .join('')
      .trimEnd();

  it('names the command that can be copied once', () => {
    expect(line('etcd1 is killed')).toMatch(/^· etcd1 is killed +y copies: clusterctl fault kill leader$/);
    expect(line(command)).toBe('· clusterctl fault kill leader  y copies');
    expect(line(`copied: ${command}`)).toBe('· copied: clusterctl fault kill leader');
    expect(line('x'.repeat(60))).toMatch(/^· x+ +y copies the command$/);
    expect(line('x'.repeat(90))).toMatch(/^· x+$/);
  });
});
