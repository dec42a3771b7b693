/** Which part of the screen goes where, at any size: members and logs never have zero rows. Pure. */
import { linksWidth } from './links.ts';

export type SectionName = 'members' | 'timeline' | 'links' | 'logs';
export type ViewName = 'overview' | 'leadership' | 'links' | 'logs';
export const viewNames: readonly ViewName[] = ['overview', 'leadership', 'links', 'logs'];

export interface Rect {
  readonly row: number;
  readonly column: number;
  readonly width: number;
  readonly height: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly header: Rect;
  /** Title and body of each that is shown, from the top. */
  readonly sections: readonly { readonly name: SectionName; readonly rect: Rect }[];
  readonly status: Rect;
  readonly keys: Rect;
}

export interface Contents {
  /** Processes in all, and the etcd members among them. */
  readonly processes: number;
  readonly members: number;
}

/** Smaller screens are laid out as if they were so big, and cut off. */
const widthMin = 20;
const heightMin = 8;
/** From here on links stand beside the timeline. */
const besideWidthMin = 130;
/** A title and a row. */
const sectionMin = 2;
/** Rows that tell what happened last: more of them on a high screen. */
const eventRowsMin = 2;
const eventRowsMax = 8;

export function layoutOf(
  screen: { readonly width: number; readonly height: number },
  view: ViewName,
  zoomed: SectionName | null,
  contents: Contents,
): Layout {
  const width = Math.max(widthMin, screen.width);
  const height = Math.max(heightMin, screen.height);
  const body: Rect = { row: 1, column: 0, width, height: height - 3 };
  return {
    width,
    height,
    header: { row: 0, column: 0, width, height: 1 },
    sections: zoomed === null ? sectionsOf(view, body, contents) : [{ name: zoomed, rect: body }],
    status: { row: height - 2, column: 0, width, height: 1 },
    keys: { row: height - 1, column: 0, width, height: 1 },
  };
}

function sectionsOf(view: ViewName, body: Rect, contents: Contents): Layout['sections'] {
  switch (view) {
    case 'overview':
      return overview(body, contents);
    case 'leadership':
      return above('timeline', body, contents);
    case 'links':
      return above('links', body, contents);
    case 'logs':
      return [{ name: 'logs', rect: body }];
  }
}

function overview(body: Rect, contents: Contents): Layout['sections'] {
  const timelineMin = contents.members === 0 || body.height < 3 * sectionMin ? 0 : sectionMin;
  const members = membersHeight(contents, body.height, sectionMin + timelineMin);
  const rest = body.height - members;
  // A title, lanes, marks, the axis and what happened last.
  const eventRows = Math.max(eventRowsMin, Math.min(eventRowsMax, Math.floor(rest / 6)));
  const wanted = timelineMin === 0 ? 0 : contents.members + 3 + eventRows;
  const timeline = timelineMin === 0 ? 0 : Math.max(timelineMin, Math.min(wanted, Math.floor(rest * 0.55)));
  const top = { ...body, height: members };
  const middle = { ...body, row: body.row + members, height: timeline };
  const bottom = { ...body, row: middle.row + timeline, height: rest - timeline };
  const sections: { name: SectionName; rect: Rect }[] = [{ name: 'members', rect: top }];
  if (timeline > 0) {
    const links = Math.min(linksWidth(contents.members), Math.floor(body.width / 2));
    if (body.width < besideWidthMin) sections.push({ name: 'timeline', rect: middle });
    else {
      const left = body.width - links - 1;
      sections.push({ name: 'timeline', rect: { ...middle, width: left } });
      sections.push({ name: 'links', rect: { ...middle, column: left + 1, width: links } });
    }
  }
  return [...sections, { name: 'logs', rect: bottom }];
}

/** The members, and below them one other section. */
function above(name: SectionName, body: Rect, contents: Contents): Layout['sections'] {
  const members = membersHeight(contents, body.height, Math.max(sectionMin, Math.floor(body.height / 2)));
  return [
    { name: 'members', rect: { ...body, height: members } },
    { name, rect: { ...body, row: body.row + members, height: body.height - members } },
  ];
}

/** Title, column titles and a row for each process, unless that takes more than is left, or half. */
function membersHeight({ processes }: Contents, height: number, others: number): number {
  const wanted = 2 + Math.max(1, processes);
  const most = Math.max(5, Math.floor(height / 2));
  return Math.max(sectionMin, Math.min(wanted, most, height - others));
}

/** What lies under a cell of the screen: the section, and the place within it. */
export function sectionAt(layout: Layout, row: number, column: number): SectionName | null {
  const found = layout.sections.find(
    ({ rect }) =>
      row >= rect.row && row < rect.row + rect.height && column >= rect.column && column < rect.column + rect.width,
  );
  return found?.name ?? null;
}
