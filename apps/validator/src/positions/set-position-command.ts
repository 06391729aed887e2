import { parsePositionArguments, runPartitionCommand } from '@orderstream/service';
import { catalogLimitsOf, groupOf, stateLimitsOf, validatorSettings } from '../validator.config';
import { setPosition } from './set-position';

const TARGETS = ['beginning', 'end', 'next-batch'] as const;
const USAGE =
  'set-position --family <orders|interactions|catalog|customers> (--partition <number> --to ' +
  '<offset|beginning|end|next-batch> | --all --to <beginning|end|next-batch>)';

/**
 * `set-position`: see `setPosition`. After `POST /admin/resume` a running validator opens the partition again. It is
 * audited, also as a line of the log, on stderr.
 *
 * Exit codes: 0 done; 1 rejected or failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export const setPositionCommand = (argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> =>
  runPartitionCommand({
    name: 'set-position',
    service: 'validator',
    settings: validatorSettings,
    parse: () => parsePositionArguments(argv, { usage: USAGE, targets: TARGETS }),
    env,
    run: ({ family, target }, partition, { settings, kafka, logger, actor }) =>
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
        actor,
        clock: () => new Date(),
      }),
  });
