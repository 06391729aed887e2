import { type Figures } from './measure';

export interface Row {
  readonly path: string;
  readonly ours: Figures;
  /** The bare client doing the same I/O, where there is one. */
  readonly ceiling?: Figures;
}

const whole = (value: number): string => Math.round(value).toLocaleString('en');
const mib = (bytes: number): string => `${whole(bytes / 1_048_576)} MiB`;

/** A Markdown table: rates, CPU seconds per million records and peak memory, each beside its ceiling. */
export function renderReport(rows: readonly Row[]): string {
  const lines = rows.map(({ path, ours, ceiling }) =>
    [
      path,
      `${whole(ours.recordsPerSecond)}/s`,
      ours.cpuSecondsPerMillion.toFixed(1),
      mib(ours.peakRssBytes),
      ceiling ? `${whole(ceiling.recordsPerSecond)}/s` : '',
      ceiling ? ceiling.cpuSecondsPerMillion.toFixed(1) : '',
      ceiling ? (ours.recordsPerSecond / ceiling.recordsPerSecond).toFixed(2) : '',
    ].join(' | '),
  );
  const header = 'process | rate | CPU s/M | peak memory | ceiling: rate | ceiling: CPU s/M | of the ceiling';
  return [header, header.replace(/[^|]+/g, '---'), ...lines].map((line) => `| ${line} |`).join('\n') + '\n';
}
