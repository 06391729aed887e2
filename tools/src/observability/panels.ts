import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as bigquery from '@grafana/grafana-foundation-sdk/bigquery';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** The data sources of deploy/grafana/provisioning. */
const PROMETHEUS = { type: 'prometheus', uid: 'orderstream-prometheus' } as const;
const BIGQUERY = { type: 'grafana-bigquery-datasource', uid: 'orderstream-bigquery' } as const;

/** A limit, in the unit of the panel, and the color of what reaches it. */
type Limit = readonly [value: number, color: string];

/** What every panel must have. */
export interface PanelText {
  /** A question, or a unit. */
  readonly title: string;
  readonly description: string;
  /** A unit of Grafana. */
  readonly unit: string;
  /** What reaches no limit is green. */
  readonly limits: readonly Limit[];
  readonly width: number;
  readonly height?: number;
  readonly decimals?: number;
}

interface CommonBuilder<T> {
  title(text: string): T;
  description(text: string): T;
  unit(unit: string): T;
  span(width: number): T;
  height(height: number): T;
  decimals(decimals: number): T;
  noValue(text: string): T;
  thresholds(thresholds: dashboard.ThresholdsConfigBuilder): T;
}

function described<T extends CommonBuilder<T>>(panel: T, text: PanelText): T {
  const steps = [{ value: null, color: 'green' }, ...text.limits.map(([value, color]) => ({ value, color }))];
  return panel
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .span(text.width)
    .height(text.height ?? 7)
    .decimals(text.decimals ?? 1)
    .noValue('no data')
    .thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps));
}

const LETTERS = ['A', 'B', 'C', 'D'];

/** Expressions with the legend of their series, read over the range of the dashboard. */
export type Expressions = readonly (readonly [expression: string, legend: string])[];

const promQuery = ([expression, legend]: readonly [string, string], index: number, instant: boolean) => {
  const query = new prometheus.DataqueryBuilder()
    .expr(expression)
    .legendFormat(legend)
    .refId(LETTERS[index] ?? '')
    .datasource(PROMETHEUS)
    .editorMode(prometheus.QueryEditorMode.Code);
  return instant ? query.instant() : query.range();
};

const sqlQuery = (sql: string) =>
  new bigquery.DataqueryBuilder()
    .rawSql(sql)
    .rawQuery(true)
    .editorMode(bigquery.EditorMode.Code)
    .format(bigquery.QueryFormat.Table)
    .refId('A')
    .datasource(BIGQUERY);

/** One number of Prometheus: the value now. */
export const promStat = (text: PanelText, expression: string): stat.PanelBuilder =>
  described(new stat.PanelBuilder(), text)
    .datasource(PROMETHEUS)
    .colorMode(common.BigValueColorMode.Background)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .withTarget(promQuery([expression, text.title], 0, true));

/** Lines of Prometheus over time. A limit is drawn as a line. */
export function promLines(text: PanelText, expressions: Expressions): timeseries.PanelBuilder {
  const panel = described(new timeseries.PanelBuilder(), text)
    .datasource(PROMETHEUS)
    .axisSoftMin(0)
    .fillOpacity(10)
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        text.limits.length > 0 ? common.GraphThresholdsStyleMode.Dashed : common.GraphThresholdsStyleMode.Off,
      ),
    );
  expressions.forEach((expression, index) => panel.withTarget(promQuery(expression, index, false)));
  return panel;
}

/** The first row of a query, one number per column. */
export const sqlStat = (text: PanelText, sql: string): stat.PanelBuilder =>
  described(new stat.PanelBuilder(), text)
    .datasource(BIGQUERY)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    // With fields, also the ones that are times.
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('/.*/'))
    .withTarget(sqlQuery(sql));

/** One bar per row: the first column is its name, the second its length. */
export const sqlBars = (text: PanelText, sql: string): bargauge.PanelBuilder =>
  described(new bargauge.PanelBuilder(), text)
    .datasource(BIGQUERY)
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .min(0)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(true))
    .withTarget(sqlQuery(sql));

/** Lines of a query whose first column is the time. */
export const sqlLines = (text: PanelText, sql: string): timeseries.PanelBuilder =>
  described(new timeseries.PanelBuilder(), text).datasource(BIGQUERY).axisSoftMin(0).withTarget(sqlQuery(sql));

export const sqlTable = (text: PanelText, sql: string): table.PanelBuilder =>
  described(new table.PanelBuilder(), text).datasource(BIGQUERY).withTarget(sqlQuery(sql));

/** Marks the times at which an expression has a value. */
export const annotation = (name: string, expression: string, color: string): dashboard.AnnotationQueryBuilder =>
  new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .target(promQuery([expression, name], 0, false))
    .titleFormat(name)
    .textFormat('{{app}} {{instance}} {{family}}')
    .step('15s');
