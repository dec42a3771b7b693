import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Layout, SectionName } from '../../../src/ui/view-model/layout.ts';
import { layoutOf, sectionAt, viewNames } from '../../../src/ui/view-model/layout.ts';

const three = { processes: 3, members: 3 };

function heightOf(layout: Layout, name: SectionName): number {
  return layout.sections.find((one) => one.name === name)?.rect.height ?? 0;
}

describe('the layout', () => {
  it.each([
    [80, 24],
    [60, 15],
    [200, 60],
    [20, 8],
    [10, 3],
  ])('at %ix%i shows a member and a log line at least', (width, height) => {
    const layout = layoutOf({ width, height }, 'overview', null, three);
    expect(heightOf(layout, 'members')).toBeGreaterThanOrEqual(2);
    expect(heightOf(layout, 'logs')).toBeGreaterThanOrEqual(2);
  });

  it('shows all members of three at 60x15, and leaves two lines of the log', () => {
    const layout = layoutOf({ width: 60, height: 15 }, 'overview', null, three);
    expect(heightOf(layout, 'members')).toBe(5);
    expect(heightOf(layout, 'logs')).toBeGreaterThanOrEqual(3);
  });

  it('tells more of what happened where there is room for it', () => {
    const height = (rows: number) =>
      heightOf(layoutOf({ width: 200, height: rows }, 'overview', null, three), 'timeline');
    expect(height(24)).toBe(8);
    expect(height(60)).toBe(14);
    expect(height(200)).toBe(14);
  });

  it('puts links beside the timeline where there is room', () => {
    const names = (width: number) =>
      layoutOf({ width, height: 40 }, 'overview', null, three).sections.map((one) => one.name);
    expect(names(200)).toEqual(['members', 'timeline', 'links', 'logs']);
    expect(names(100)).toEqual(['members', 'timeline', 'logs']);
  });

  it('has no timeline where nothing is an etcd', () => {
    const layout = layoutOf({ width: 80, height: 24 }, 'overview', null, { processes: 2, members: 0 });
    expect(layout.sections.map((one) => one.name)).toEqual(['members', 'logs']);
  });

  it('gives all the room to a part that is zoomed', () => {
    const layout = layoutOf({ width: 80, height: 24 }, 'overview', 'timeline', three);
    expect(layout.sections).toEqual([{ name: 'timeline', rect: { row: 1, column: 0, width: 80, height: 21 } }]);
  });

  it('covers every row once, at any size and for any number of processes', () => {
    const size = fc.record({ width: fc.integer({ min: 1, max: 300 }), height: fc.integer({ min: 1, max: 100 }) });
    const contents = fc.record({ processes: fc.nat(200), members: fc.nat(9) });
    fc.assert(
      fc.property(size, fc.constantFrom(...viewNames), contents, (screen, view, { processes, members }) => {
        const layout = layoutOf(screen, view, null, { processes: Math.max(processes, members), members });
        for (const { rect } of layout.sections) {
          expect(rect.height).toBeGreaterThanOrEqual(2);
          expect(rect.width).toBeGreaterThanOrEqual(1);
          expect(rect.column + rect.width).toBeLessThanOrEqual(layout.width);
        }
        for (let row = 1; row < layout.height - 2; row++) expect(sectionAt(layout, row, 0)).not.toBeNull();
        const left = layout.sections.filter((one) => one.rect.column === 0);
        expect(left.reduce((sum, one) => sum + one.rect.height, 0)).toBe(layout.height - 3);
      }),
    );
  });
});
