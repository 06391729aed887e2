import { type Command } from 'commander';
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

/** `consumer (paused), connect ECONNREFUSED …` */
function problemText({ checks, error }: ServiceOverview): string {
  const failing = Object.entries(checks ?? {}).map(([name, detail]) =>
    detail == null ? name : `${name} (${typeof detail === 'string' ? detail : JSON.stringify(detail)})`,
  );
  return [...failing, ...(error == null ? [] : [error])].join(', ');
}
