import { parsePartitionArguments, runPartitionCommand } from '@orderstream/service';
import { catalogLimitsOf, groupOf, qualityOf, stateLimitsOf, validatorSettings } from '../validator.config';
import { rebuildState } from './rebuild-state';

const USAGE = 'rebuild-state --family <orders|interactions|catalog|customers> (--partition <number> | --all)';

/**
 * `rebuild-state`: for a partition that stopped because its state cannot be read. After `POST /admin/resume` a running
 * validator opens the partition again.
 *
 * Exit codes: 0 rebuilt; 1 failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export const rebuildCommand = (argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> =>
  runPartitionCommand({
    name: 'rebuild-state',
    service: 'validator',
    settings: validatorSettings,
    parse: () => parsePartitionArguments(argv, USAGE),
    env,
    run: ({ family }, partition, { settings, kafka }) =>
      rebuildState({
        kafka,
        family,
        partition,
        groupId: groupOf(family),
        settings: qualityOf(settings),
        limits: stateLimitsOf(settings),
        catalogLimits: catalogLimitsOf(settings),
        transactionTimeoutMs: settings.loop.transactionTimeoutMs,
        clock: () => new Date(),
      }),
  });
