/** The range and the variables of a dashboard. */
export interface Selection {
  readonly from: Date;
  readonly to: Date;
  readonly variables: Readonly<Record<string, string | readonly string[]>>;
}

/** RFC 3339 with seconds, as Go writes a time of whole seconds. */
const rfc3339 = (time: Date): string => time.toISOString().replace(/\.\d{3}Z$/, 'Z');
const INTERVAL_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/**
 * The SQL that BigQuery gets. Grafana replaces the variables, then Google's plugin its macros: $__timeFilter(column) of the
 * plugin SDK ("sqlutil: default macros"), $__timeGroup(column, interval) of the plugin itself.
 *
 * @throws for a variable or a macro that is not known
 */
export function expandSql(sql: string, { from, to, variables }: Selection): string {
  const expanded = sql
    .replace(/\$\{__to:date:iso\}/g, to.toISOString())
    .replace(/\$\{(?!__)(\w+)(?::(\w+))?\}/g, (whole, name: string, format: string | undefined) => {
      const value = variables[name];
      if (value === undefined) throw new Error(`unknown variable ${whole}`);
      const values = typeof value === 'string' ? [value] : value;
      return format === 'sqlstring' ? values.map((one) => `'${one.replace(/'/g, "''")}'`).join(',') : values.join(',');
    })
    .replace(
      /\$__timeFilter\((\w+)\)/g,
      (_, column: string) => `${column} >= '${rfc3339(from)}' AND ${column} <= '${rfc3339(to)}'`,
    )
    .replace(/\$__timeGroup\((\w+), *(\d+)([smh])\)/g, (_, column: string, count: string, unit: 's' | 'm' | 'h') => {
      const ms = Number(count) * INTERVAL_MS[unit];
      return `TIMESTAMP_MILLIS(DIV(UNIX_MILLIS(${column}), ${ms}) * ${ms})`;
    });
  if (expanded.includes('$')) throw new Error(`a macro or a variable is left: ${expanded}`);
  return expanded;
}

/** Four scrapes, as Grafana does with `timeInterval` of the data source. */
const RATE_INTERVAL = '20s';

/** The PromQL that Prometheus gets. */
export const expandPromql = (expression: string, rateInterval = RATE_INTERVAL): string =>
  expression.replace(/\$__rate_interval/g, rateInterval);
