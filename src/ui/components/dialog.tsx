/** What opens over the rest: menus, the palette, a question, help. */
import { Box } from 'ink';
import type { DialogView } from '../view-model/dialog.ts';
import { dialogFrameColumns } from '../view-model/dialog.ts';
import { span } from '../view-model/line.ts';
import { Lines, LineText } from './section.tsx';

export function DialogBox({ view }: { readonly view: DialogView }) {
  const inner = view.width - dialogFrameColumns;
  return (
    <Box flexDirection="column" width={view.width} height={view.height} borderStyle="round" paddingX={1}>
      <LineText line={[span(view.title, 'title')]} width={inner} />
      <Lines lines={view.lines} width={inner} />
      {view.hint === null ? null : (
        <Box flexGrow={1} alignItems="flex-end">
          <LineText line={[span(view.hint, 'dim')]} width={inner} />
        </Box>
      )}
    </Box>
  );
}
