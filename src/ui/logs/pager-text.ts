/** The log as a pager shows it: as `clusterctl logs` prints it, in colour. */
import { displayWidth } from '../../supervisor/display-width.ts';
import { containedText, linePrefix } from '../../supervisor/line-format.ts';
import type { MergedCursor } from './merged-lines.ts';
import { clock } from './row-view.ts';
import type { ShownLines } from './shown-lines.ts';
import { factsOf } from './shown-lines.ts';

/** A pager is given so many lines around the screen, half of them before it. */
export const pagerLinesMax = 200_000;
/** Made at once. */
const pieceLines = 200;

/** The lines after the cursor, which is moved, in pieces; read as they are asked for. */
export function* pagerPieces(lines: ShownLines, cursor: MergedCursor): Generator<string> {
  const names = lines.processes.map(({ history }) => history.name);
  const style = { colour: true, timestamps: true, nameWidth: Math.max(0, ...names.map(displayWidth)) };
  for (let left = pagerLinesMax; left > 0; left -= pieceLines) {
    let piece = '';
    for (let at = 0; at < pieceLines; at++) {
      const place = cursor.next();
      if (place === null) {
        yield piece;
        return;
      }
      const process = lines.processAt(place.lane);
      if (process === null) piece += `── mark ${clock(lines.marks.orderOf(place.line), false)} ──\n`;
      else {
        const { timeMs, name, colourIndex, bytes } = factsOf(process, place.line);
        const prefix = linePrefix(name, colourIndex, clock(timeMs, false), style);
        piece += `${prefix}${containedText(bytes.toString('utf8'))}\n`;
      }
    }
    yield piece;
  }
}
