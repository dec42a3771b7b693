/** A part of the screen: a title and lines, in the colours of the theme. */
import { Box, Text } from 'ink';
import type { Line } from '../view-model/line.ts';
import { clipLine, paintLine } from '../view-model/line.ts';
import { useCanvas } from './canvas-context.ts';

export interface SectionProps {
  readonly title: Line;
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

export function Section({ title, lines, width, height }: SectionProps) {
  return (
    <Box flexDirection="column" width={width} height={height}>
      <LineText line={title} width={width} />
      <Lines lines={lines.slice(0, height - 1)} width={width} />
    </Box>
  );
}

/** Each line on a row of its own, cut to `width` columns. */
export function Lines({ lines, width }: { readonly lines: readonly Line[]; readonly width: number }) {
  // One text for all of them costs the layout a third of what a text for each does.
  const canvas = useCanvas();
  if (lines.length === 0) return null;
  const mark = (line: Line) => canvas.lines.mark(paintLine(clipLine(line, width), canvas.theme));
  return <Text wrap="truncate-end">{lines.map(mark).join('\n')}</Text>;
}

export function LineText({ line, width }: { readonly line: Line; readonly width: number }) {
  return <Lines lines={[line]} width={width} />;
}
