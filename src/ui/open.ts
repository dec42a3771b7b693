/** The way into the dashboard: everything that React needs is loaded behind it, and only when a dashboard is wanted. */
import type { DashboardOptions } from './dashboard.ts';
import { Dashboard } from './dashboard.ts';

export type { Dashboard, DashboardOptions };

export function openDashboard(options: Omit<DashboardOptions, 'pane'>): Dashboard {
  const dashboard = new Dashboard({ ...options, pane: () => null });
  dashboard.open();
  return dashboard;
}
