/** The way into the dashboard: everything that React needs is loaded behind it, and only when a dashboard is wanted. */
import type { DashboardOptions } from './dashboard.ts';
import { Dashboard } from './dashboard.ts';
import { LogPane } from './logs/log-pane.ts';

export interface OpenOptions extends Omit<DashboardOptions, 'pane'> {
  /** For the programs that it starts: PAGER and what that needs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function openDashboard({ environment, ...options }: OpenOptions): Dashboard {
  const { source, keymap } = options;
  const dashboard = new Dashboard({
    ...options,
    pane: (host) => {
      if (source.history === null) return null;
      const processes = () => source.observation().processes;
      return new LogPane({ folder: source.history.folder, host, keymap, processes, now: Date.now, environment });
    },
  });
  dashboard.open();
  return dashboard;
}
