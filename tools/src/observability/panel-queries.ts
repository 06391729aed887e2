import type { Dashboard, Panel } from '@grafana/grafana-foundation-sdk/dashboard';

/** One query of a panel. */
export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly type: string;
  readonly legend: string;
  readonly language: 'promql' | 'sql';
  readonly text: string;
}

interface Target {
  readonly expr?: string;
  readonly rawSql?: string;
  readonly legendFormat?: string;
}

/** The panels of a dashboard, without its rows. */
export const panelsOf = (board: Dashboard): Panel[] =>
  (board.panels ?? []).filter((panel): panel is Panel => panel.type !== 'row');

/** Every query of a dashboard. */
export const queriesOf = (board: Dashboard): PanelQuery[] =>
  panelsOf(board).flatMap((panel) =>
    ((panel.targets ?? []) as Target[]).map(({ expr, rawSql, legendFormat }) => ({
      dashboard: board.title ?? '',
      panel: panel.title ?? '',
      type: panel.type,
      legend: legendFormat ?? '',
      language: rawSql === undefined ? 'promql' : 'sql',
      text: rawSql ?? expr ?? '',
    })),
  );
