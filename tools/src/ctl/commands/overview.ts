import { type Command } from 'commander';
import { z } from 'zod';
import { overviewSchema, type ServiceOverview } from '../api/answers';
import { type Colour } from '../output/colours';
import { type Column } from '../output/table';
import { type Runtime } from '../session';

/** `ctl overview` */
export function addOverview(program: Command, { session }: Runtime): void {
  program
    .command('overview')
    .description('show every service: state, lag, rate, freshness')
    .action(async () => {
      const current = session();
      const { body } = await current.console.get('/admin/overview', overviewSchema);
      current.result(body, () => current.table(COLUMNS, body.services, '(no services)'));
    });
}

/** The partitions of a check that are not running. */
const waitingSchema = z.looseObject({
  waiting: z.array(z.looseObject({ state: z.string(), error: z.string().nullish() })),
});

const COLUMNS: readonly Column<ServiceOverview>[] = [
  { title: 'SERVICE', value: ({ name }) => name },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'LAG', value: ({ figures }) => figures?.lagRecords, align: 'right' },
  { title: 'LAG S', value: ({ figures }) => figures?.lagSeconds, align: 'right' },
  { title: 'RECORDS/S', value: recordsPerSecond, align: 'right' },
  { title: 'FRESHNESS P95 S', value: ({ figures }) => figures?.freshnessP95Seconds, align: 'right' },
  { title: 'PROBLEM', value: problemText, flexible: true, colour: () => 'red' },
];

function colourOf(state: string | null | undefined): Colour {
  if (state === 'ready') return 'green';
  return state === 'unreachable' ? 'red' : 'yellow';
}

/** All outcomes together. */
function recordsPerSecond({ figures }: ServiceOverview): number | undefined {
  const rates = figures?.recordsPerSecond;
  return rates == null ? undefined : Object.values(rates).reduce((sum, rate) => sum + rate, 0);
}

/** `consumer (paused), orders (2 stopped: marketplace.orders.raw.v1/0: …), connect ECONNREFUSED …` */
function problemText({ checks, error }: ServiceOverview): string {
  const failing = Object.entries(checks ?? {}).map(([name, detail]) => {
    const text = detailText(detail);
    return text === '' ? name : `${name} (${text})`;
  });
  return [...failing, ...(error == null ? [] : [error])].join(', ');
}

function detailText(detail: unknown): string {
  if (detail === null || detail === undefined) return '';
  if (typeof detail === 'string') return detail;
  const waiting = waitingSchema.safeParse(detail).data?.waiting ?? [];
  return waiting.length === 0 ? JSON.stringify(detail) : waitingText(waiting);
}

/** `4 paused, 2 stopped: ` and the error of the first one. The others are in `--json`. */
function waitingText(
  waiting: readonly { readonly state: string; readonly error?: string | null | undefined }[],
): string {
  const counts = new Map<string, number>();
  for (const { state } of waiting) counts.set(state, (counts.get(state) ?? 0) + 1);
  const states = Array.from(counts, ([state, count]) => `${String(count)} ${state}`).join(', ');
  const error = waiting.find((partition) => partition.error != null)?.error;
  return error == null ? states : `${states}: ${error}`;
}
