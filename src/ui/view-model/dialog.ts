/** What dialogs show, and how big they are on a screen. Pure. */
import { unreachable } from '../../base/assert.ts';
import { displayWidth } from '../../supervisor/display-width.ts';
import type { Observation } from '../../supervisor/observe/model.ts';
import type { DialogBinding } from '../input/bindings.ts';
import type { Keymap } from '../input/keymap.ts';
import { keyText } from '../input/keymap.ts';
import { commandText } from '../source.ts';
import { helpLines } from './chrome.ts';
import type { Line } from './line.ts';
import { clip, padLine, padTo, span, spread, wrapWords } from './line.ts';
import { paletteItems } from './palette.ts';
import type { Dialog } from './ui-state.ts';

export interface DialogView {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly hint: string | null;
  /** With the border. */
  readonly width: number;
  readonly height: number;
  /** Of help: the last line that it can begin with; else 0. */
  readonly scrollMax: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Border and padding. */
export const dialogFrameColumns = 4;
/** Border, title and hint. */
const frameRows = 4;
const widthMax = 76;
const paletteRowsMax = 14;

export function dialogView(
  dialog: Dialog,
  observation: Observation,
  keymap: Keymap,
  hasLogs: boolean,
  screen: Size,
): DialogView {
  const width = Math.min(widthMax, screen.width - 2);
  const inner = width - dialogFrameColumns;
  const room = Math.max(1, screen.height - 2 - frameRows);
  const shown = (name: DialogBinding) => keyText(keymap.keysOf(name)[0] ?? '-');
  const closes = `${shown('dialog-close')} closes`;
  switch (dialog.type) {
    case 'help': {
      const all = helpLines(keymap, hasLogs);
      const scrollMax = Math.max(0, all.length - room);
      const first = Math.min(dialog.scroll, scrollMax);
      const lines = all.slice(first, first + room).map((line) => padLine(line, inner));
      const more = first < scrollMax ? '↓ more   ' : '';
      return { ...sized('Help', lines, `${more}${closes}`, width), scrollMax };
    }
    case 'confirm': {
      const question = wrapWords(dialog.choice.question ?? dialog.choice.label, inner).map(
        (text): Line => [span(text)],
      );
      const command: Line = [span(clip(commandText(dialog.choice.action), inner), 'accent')];
      return sized(
        dialog.choice.label,
        [[], ...question, [], command],
        `${shown('dialog-yes')} yes   ${shown('dialog-no')} no`,
        width,
      );
    }
    case 'menu': {
      const rows = dialog.choices.map((choice, index) => ({
        label: index < 9 ? `${index + 1} ${choice.label}` : `  ${choice.label}`,
        hint: commandText(choice.action),
      }));
      return sized(
        dialog.title,
        listLines(rows, dialog.index, room, inner),
        `${shown('dialog-accept')} or a number does it   ${closes}`,
        width,
      );
    }
    case 'palette': {
      const items = paletteItems(dialog.query, observation, keymap);
      const count = Math.max(1, Math.min(room - 1, paletteRowsMax));
      const index = Math.min(dialog.index, Math.max(0, items.length - 1));
      const list = listLines(items, index, count, inner);
      const empty: Line = [span('Nothing is called so.', 'dim')];
      const lines = [[span('> ', 'accent'), span(clip(dialog.query, inner - 3)), span(' ', 'match')], ...list];
      const padding = Array.from({ length: count - list.length }, (): Line => []);
      const body = items.length === 0 ? [...lines, empty, ...padding.slice(1)] : [...lines, ...padding];
      return sized(
        'Commands',
        body,
        `${shown('dialog-accept')} does it   ${shown('dialog-up')}${shown('dialog-down')} choose   ${closes}`,
        width,
      );
    }
    default:
      return unreachable(dialog);
  }
}

function sized(title: string, lines: readonly Line[], hint: string, width: number): DialogView {
  return { title, lines, hint, width, height: lines.length + frameRows, scrollMax: 0 };
}

/** Labels on the left, what they do on the right; the chosen one is always among them. */
function listLines(
  rows: readonly { readonly label: string; readonly hint: string }[],
  index: number,
  room: number,
  width: number,
): Line[] {
  const first = Math.max(0, Math.min(index - Math.floor(room / 2), rows.length - room));
  return rows.slice(first, first + room).map(({ label, hint }, at) => {
    const isChosen = first + at === index;
    const mark = span(isChosen ? '▸ ' : '  ', 'accent');
    // The label is what people read; of a long command the beginning says enough.
    const hintMin = Math.min(displayWidth(hint), Math.floor(width * 0.35));
    const labelWidth = Math.min(displayWidth(label), width - hintMin - 4);
    const left = [
      mark,
      span(isChosen ? padTo(label, labelWidth) : clip(label, labelWidth), isChosen ? 'selected' : 'text'),
    ];
    const right = [span(clip(hint.replace(/^clusterctl /, ''), width - labelWidth - 4), 'dim')];
    return spread(left, right, width);
  });
}
