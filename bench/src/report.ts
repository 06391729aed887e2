import { type Figures } from './measure';

/** One row of the report. */
export interface Row {
  readonly name: string;
  readonly service: Figures;
  /** The bare client with the same I/O and no other work, for services that have one. */
  readonly baseline?: Figures;
}

const HEADER = [
  'service',
  'records/s',
  'CPU seconds per million records',
  'measured over',
  'peak memory',
  'baseline: records/s',
  'baseline: CPU seconds per million records',
  'records/s, service / baseline',
];

const integer = (value: number): string => Math.round(value).toLocaleString('en');

/** Renders the rows as a Markdown table. */
export function renderReport(rows: readonly Row[]): string {
  const lines = rows.map(({ name, service, baseline }) => [
    name,
    integer(service.recordsPerSecond),
    service.cpuSecondsPerMillion.toFixed(1),
    `${service.seconds.toFixed(1)} s`,
    `${integer(service.peakRssBytes / 1_048_576)} MiB`,
    baseline ? integer(baseline.recordsPerSecond) : '',
    baseline ? baseline.cpuSecondsPerMillion.toFixed(1) : '',
    baseline ? (service.recordsPerSecond / baseline.recordsPerSecond).toFixed(2) : '',
  ]);
  return [HEADER, HEADER.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
