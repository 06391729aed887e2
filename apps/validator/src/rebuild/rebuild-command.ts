import { parseArguments, runCommand } from '../command-line';
import { catalogLimitsOf, groupOf, qualityOf, stateLimitsOf } from '../validator.config';
import { rebuildState } from './rebuild-state';

const USAGE = 'rebuild-state --family <orders|interactions|catalog|customers> (--partition <number> | --all)';

/**
 * `rebuild-state`: for a partition that stopped because its state cannot be read. After `POST /admin/resume` a running
 * validator opens the partition again.
 *
 * Exit codes: 0 rebuilt; 1 failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export const rebuildCommand = (argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> =>
  runCommand(
    'rebuild-state',
    () => parseArguments(argv, USAGE),
    env,
    ({ family }, partition, { settings, kafka }) =>
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
  );
