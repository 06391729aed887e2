import { type Command } from 'commander';
import { type Breaker, breakerSchema } from '../api/answers';
import { decimal, integer } from '../arguments';
import { UsageError } from '../errors';
import { renderFields } from '../output/table';
import { type Runtime } from '../session';
import { changed, ifMatch } from './conditional-change';

const VALIDATOR = 'validator';
const PATH = '/admin/breaker';
const MAX_WINDOW = 1_000_000;

interface SetOptions {
  readonly window?: number;
  readonly share?: number;
  readonly off?: boolean;
}

/** `ctl breaker show|set|reset` */
export function addBreaker(program: Command, { session }: Runtime): void {
  const group = program.command('breaker').description("look at the validator's circuit breaker and change it");
  group
    .command('show')
    .description('show window and share')
    .action(async () => {
      const current = session();
      const { body } = await current.service(VALIDATOR).get(PATH, breakerSchema);
      current.result(body, () => breakerText(body));
    });
  group
    .command('set')
    .description('change when a partition stops, in every instance, from the next batch on')
    .option('--window <n>', 'how many of the last records count', integer(1, MAX_WINDOW))
    .option('--share <share>', 'share of rejected records above which a partition stops, 0 to 1', decimal(0, 1))
    .option('--off', 'never stop a partition')
    .action(async ({ window, share, off }: SetOptions) => {
      if (off === true && (window !== undefined || share !== undefined)) {
        throw new UsageError('--off goes without --window and --share.');
      }
      if (off !== true && window === undefined && share === undefined) {
        throw new UsageError('Give --window, --share, or --off.');
      }
      const current = session();
      const client = current.service(VALIDATOR);
      const before = await client.get(PATH, breakerSchema);
      const body = {
        windowRecords: off === true ? 0 : (window ?? before.body.windowRecords),
        rejectShare: share ?? before.body.rejectShare,
      };
      const after = await changed(current, 'The circuit breaker', () =>
        client.request('PUT', PATH, breakerSchema, { body, headers: ifMatch(before) }),
      );
      current.result(after.body, () => breakerText(after.body));
    });
  group
    .command('reset')
    .description('put it back to what the environment says, in every instance')
    .action(async () => {
      const current = session();
      const client = current.service(VALIDATOR);
      const before = await client.get(PATH, breakerSchema);
      const after = await changed(current, 'The circuit breaker', () =>
        client.request('DELETE', PATH, breakerSchema, { headers: ifMatch(before) }),
      );
      current.result(after.body, () => breakerText(after.body));
    });
}

function breakerText({ windowRecords, rejectShare, source, changedBy }: Breaker): string {
  return renderFields([
    ['window', windowRecords === 0 ? 'off: no partition is stopped' : `${windowRecords} records`],
    ['share', rejectShare],
    ['source', source],
    ['changed by', changedBy],
  ]);
}
