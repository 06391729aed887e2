import { type MemoryUse } from './compose-stack';

/** One thing that was tried, with what was found. */
export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
  readonly detail: string;
}

export interface Report {
  readonly versions: string;
  readonly daemon: string;
  /** By tag; undefined where it is the public image. */
  readonly images: ReadonlyMap<string, string | undefined>;
  readonly sizes: readonly { readonly tag: string; readonly compressedBytes: number }[];
  readonly memory: readonly MemoryUse[];
  readonly steps: readonly Step[];
}

const megabytes = (value: number): string => `${String(Math.round(value / 1_048_576))} MB`;

/** The report as Markdown. */
export function renderReport({ versions, daemon, images, sizes, memory, steps }: Report): string {
  const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
    [head, head.map(() => '---'), ...rows]
      .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`)
      .join('\n');
  const substitutes = [...images].filter(([, substitute]) => substitute !== undefined);
  return [
    '# docker-compose.yml, run',
    `${steps.every(({ ok }) => ok) ? 'All steps passed' : 'FAILED'}. ${versions}; the daemon ${daemon}.`,
    '## Images',
    substitutes.length === 0
      ? 'All public images are the public ones.'
      : `${String(substitutes.length)} of ${String(images.size)} public images could not be pulled here. What was run in their place:`,
    table(
      ['image', 'what was run'],
      [...images].map(([tag, substitute]) => [
        tag,
        substitute === undefined ? 'the public image' : `SUBSTITUTE: ${substitute}`,
      ]),
    ),
    table(
      ['image of this repository', 'compressed'],
      sizes.map(({ tag, compressedBytes }) => [tag, megabytes(compressedBytes)]),
    ),
    '## Steps',
    table(
      ['step', 'result', 'seconds', 'found'],
      steps.map(({ name, ok, seconds, detail }) => [name, ok ? 'ok' : 'FAILED', seconds.toFixed(1), detail]),
    ),
    '## Memory: the most that each container used',
    table(
      ['service', 'used', 'limit', 'share'],
      memory.map(({ service, usedBytes, limitBytes }) => [
        service,
        megabytes(usedBytes),
        megabytes(limitBytes),
        `${String(Math.round((100 * usedBytes) / limitBytes))} %`,
      ]),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}
