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
  { title: 'LAG', value: (service) => numberOf(service, 'lagRecords', 'lag'), align: 'right' },
  { title: 'RECORDS/S', value: (service) => numberOf(service, 'recordsPerSecond', 'rate'), align: 'right' },
  { title: 'FRESHNESS S', value: (service) => numberOf(service, 'freshnessSeconds', 'freshness'), align: 'right' },
  { title: 'ERROR', value: ({ error }) => error, flexible: true, colour: () => 'red' },
];

function colourOf(state: string | null | undefined): Colour {
  if (state === 'running' || state === 'ready') return 'green';
  return state === 'unreachable' || state === 'failed' ? 'red' : 'yellow';
}

/** A number of the service, under the first of these names that it has. */
function numberOf(service: ServiceOverview, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = service[name];
    if (typeof value === 'number') return value;
  }
  return undefined;
}
