import { readFileSync } from 'node:fs';
import { type Command } from 'commander';
import { type RequestOptions } from '../api/admin-client';
import { scenariosSchema, statusSchema } from '../api/answers';
import { decimal } from '../arguments';
import { UsageError } from '../errors';
import { type Runtime, type Session } from '../session';
import { statusText } from './status-text';

const GENERATOR = 'order-generator';
const MAX_RATE = 100_000;

/** `ctl generator scenario|rate|start|stop|status` */
export function addGenerator(program: Command, { session }: Runtime): void {
  const group = program.command('generator').description('steer the order generator');
  const send = async (current: Session, path: string, options: RequestOptions = { body: {} }): Promise<void> => {
    const { body } = await current.service(GENERATOR).request('POST', `/admin/${path}`, statusSchema, options);
    current.result(body, () => statusText(body));
  };

  group
    .command('status')
    .description('show state, rate and scenario')
    .action(async () => {
      const current = session();
      const { body } = await current.service(GENERATOR).get('/admin/status', statusSchema);
      current.result(body, () => statusText(body));
    });
  group
    .command('scenario')
    .description('list the scenarios, or change to one until the next start of the service')
    .argument('[scenario]', 'name of a scenario, or path of a .yaml file')
    .action(async (scenario: string | undefined) => {
      const current = session();
      if (scenario !== undefined) {
        await send(current, 'scenario', scenarioRequest(scenario));
        return;
      }
      const { body } = await current.service(GENERATOR).get('/admin/scenarios', scenariosSchema);
      current.result(body, () =>
        current.table(
          [
            { title: 'SCENARIO', value: ({ name }) => name },
            {
              title: 'DESCRIPTION',
              value: ({ description, problems }) => description ?? problems?.join('; '),
              flexible: true,
            },
          ],
          body,
          '(no scenarios)',
        ),
      );
    });
  group
    .command('rate')
    .description('set the rate until the next start of the service')
    .argument('<events-per-second>', '0 is unlimited', decimal(0, MAX_RATE))
    .action(async (eventsPerSecond: number) => {
      const current = session();
      await send(current, 'rate', { body: { eventsPerSecond } });
      current.note('The rate is reached within some minutes: open sessions and orders go on as they began.');
    });
  group
    .command('start')
    .description('continue a stopped run, or start a new one after a finished one')
    .action(async () => {
      await send(session(), 'start');
    });
  group
    .command('stop')
    .description('stop sending records')
    .action(async () => {
      await send(session(), 'stop');
    });
}

function scenarioRequest(scenario: string): RequestOptions {
  if (!/\.ya?ml$/.test(scenario)) return { body: { name: scenario } };
  return { body: textOf(scenario), headers: { 'content-type': 'application/yaml' } };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
