import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';

import { liveDashboard } from './live-dashboard';
import { qualityDashboard } from './quality-dashboard';
import { servicesDashboard } from './services-dashboard';

export const dashboards = (): Dashboard[] => [liveDashboard(), servicesDashboard(), qualityDashboard()];

/** The dashboards that Grafana provisions: content by path from the root of the repository. */
export const grafanaFiles = (): ReadonlyMap<string, string> =>
  new Map(
    dashboards().map((board) => [
      `deploy/grafana/dashboards/${board.uid ?? ''}.json`,
      `${JSON.stringify(numbered(board), withoutInterval, 2)}\n`,
    ]),
  );

/** With an id for each panel, so that links to a panel stay valid. */
function numbered(board: Dashboard): Dashboard {
  return { ...board, panels: board.panels?.map((panel, index) => ({ ...panel, id: index + 1 })) ?? [] };
}

/** The SDK gives every variable the properties of an interval, which the schema of Grafana does not have for the others. */
const withoutInterval = (key: string, value: unknown): unknown =>
  /^auto(_min|_count)?$/.test(key) ? undefined : value;
