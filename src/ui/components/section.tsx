/** A part of the screen: a title and lines, in the colours of the theme. */
import { Box, Text } from 'ink';
import type { Line } from '../view-model/line.ts';
import { paintLine } from '../view-model/line.ts';
import { useTheme } from './theme-context.ts';

export interface SectionProps {
  readonly title: Line;
  readonly lines: readonly Line[];
  readonly width: number;
  readonly height: number;
}

export function Section({ title, lines, width, height }: SectionProps) {
  return (
    <Box flexDirection="column" width={width} height={height} overflow="hidden">
      <LineText line={title} />
      <Lines lines={lines.slice(0, height - 1)} />
    </Box>
  );
}

/** Each line on a row of its own; they fit, because the view models have cut them. */
export function Lines({ lines }: { readonly lines: readonly Line[] }) {
  // One text for all of them costs the layout a third of what a text for each does.
  const theme = useTheme();
  if (lines.length === 0) return null;
  return <Text wrap="truncate-end">{lines.map((line) => paintLine(line, theme) || ' ').join('\n')}</Text>;
}

export function LineText({ line }: { readonly line: Line }) {
  const theme = useTheme();
  return <Text wrap="truncate-end">{paintLine(line, theme) || ' '}</Text>;
}
