import { type Command } from 'commander';
import { breakerSchema } from '../api/answers';
import { decimal, integer } from '../arguments';
import { UsageError } from '../errors';
import { renderFields } from '../output/table';
import { type Runtime } from '../session';
import { etagOf, saying } from './conditional-change';

const VALIDATOR = 'validator';
const PATH = '/admin/breaker';
const MAX_WINDOW = 1_000_000;

interface SetOptions {
  readonly window?: number;
  readonly share?: number;
  readonly off?: boolean;
}

/** `ctl breaker show|set` */
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
      const { body: before, etag } = await client.get(PATH, breakerSchema);
      const body = { window: off === true ? 0 : (window ?? before.window), share: share ?? before.share };
      const headers = { 'if-match': etag ?? etagOf(before.revision) ?? '*' };
      const answer = await saying(current, 'The circuit breaker', () =>
        client.request('PUT', PATH, breakerSchema, { body, headers }),
      );
      current.result(answer.body, () => breakerText(answer.body));
    });
}

function breakerText({
  window,
  share,
}: {
  readonly window?: number | null | undefined;
  readonly share?: number | null | undefined;
}): string {
  if (window === 0) return 'off: no partition is stopped';
  return renderFields([
    ['window', window],
    ['share', share],
  ]);
}
