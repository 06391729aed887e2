import { userInfo } from 'node:os';
import { parseArguments, type Place, runCommand, UsageError } from '../command-line';
import { catalogLimitsOf, groupOf, stateLimitsOf } from '../validator.config';
import { type PositionTarget, setPosition } from './set-position';

const USAGE =
  'set-position --family <orders|interactions|catalog|customers> (--partition <number> --to <offset|beginning|end> | ' +
  '--all --to <beginning|end>)';

/**
 * `set-position`: see `setPosition`. After `POST /admin/resume` a running validator opens the partition again. The audit
 * is a line of the log, on stderr.
 *
 * Exit codes: 0 done; 1 rejected or failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export const setPositionCommand = (argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> =>
  runCommand(
    'set-position',
    () => parse(argv),
    env,
    ({ family, target }, partition, { settings, kafka, logger }) =>
      setPosition({
        kafka,
        family,
        partition,
        groupId: groupOf(family),
        target,
        limits: stateLimitsOf(settings),
        catalogLimits: catalogLimitsOf(settings),
        maxAheadMs: settings.rules.maxAheadMs,
        transactionTimeoutMs: settings.loop.transactionTimeoutMs,
        logger,
        actor: userInfo().username,
      }),
  );

function parse(argv: readonly string[]): Place & { readonly target: PositionTarget } {
  const { to, ...place } = parseArguments(argv, USAGE);
  const target = targetOf(to);
  // An offset is of one partition.
  if (target === undefined || (typeof target === 'number' && place.partitions.length > 1)) throw new UsageError(USAGE);
  return { ...place, target };
}

function targetOf(text: string | undefined): PositionTarget | undefined {
  if (text === 'beginning' || text === 'end') return text;
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
