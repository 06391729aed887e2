import { type QueryRow } from '@orderstream/bigquery';
import { type Series } from './plot';

interface PrometheusResult {
  readonly status: string;
  readonly error?: string;
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value?: readonly [number, string];
      readonly values?: readonly (readonly [number, string])[];
    }[];
  };
}

/** The legend of a series, as Grafana makes it. */
const legendOf = (legend: string, labels: Readonly<Record<string, string>>): string =>
  legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '');

/** Asks Prometheus over the last `seconds`. Values that are no numbers are left out, as Grafana leaves them out. */
export async function askPrometheus(
  url: string,
  expression: string,
  legend: string,
  seconds: number,
): Promise<Series[]> {
  const now = Math.floor(Date.now() / 1_000);
  const query = new URLSearchParams({ query: expression, start: String(now - seconds), end: String(now), step: '5' });
  const response = await fetch(`${url}/api/v1/query_range?${query.toString()}`);
  const answer = (await response.json()) as PrometheusResult;
  if (answer.status !== 'success') throw new Error(`Prometheus rejects ${expression}: ${answer.error ?? ''}`);
  return answer.data.result
    .map(({ metric, values = [] }) => ({
      name: legendOf(legend, metric),
      points: values
        .map(([time, value]) => [time, Number(value)] as const)
        .filter(([, value]) => Number.isFinite(value)),
    }))
    .filter(({ points }) => points.length > 0);
}

/** A value of BigQuery's client: a time in seconds, a number, or text. */
export const valueOf = (value: unknown): number | string => {
  if (value !== null && typeof value === 'object' && 'value' in value) return Date.parse(String(value.value)) / 1_000;
  return typeof value === 'number' ? value : String(value);
};

/** The lines of rows whose first column is the time. */
export function linesOf(rows: readonly QueryRow[]): Series[] {
  const [time = '', ...columns] = Object.keys(rows[0] ?? {});
  return columns.map((name) => ({
    name,
    points: rows.map((row) => [Number(valueOf(row[time])), Number(valueOf(row[name]))] as const),
  }));
}
