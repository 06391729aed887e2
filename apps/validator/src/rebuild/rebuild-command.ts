import { KafkaOperatorLog, parsePartitionArguments, runPartitionCommand } from '@orderstream/service';
import { catalogLimitsOf, groupOf, stateLimitsOf, validatorSettings } from '../validator.config';
import { rebuildState } from './rebuild-state';
import { rulesInForce } from './rules-in-force';

const USAGE = 'rebuild-state --family <orders|interactions|catalog|customers> (--partition <number> | --all)';

/**
 * `rebuild-state`: for a partition that stopped because its state cannot be read. After `POST /admin/resume` a running
 * validator opens the partition again. The rules are those of the running validators: of the environment, and what operators
 * have changed at run time.
 *
 * Exit codes: 0 rebuilt; 1 failed, and a partition that failed is unchanged; 2 usage or configuration.
 */
export function rebuildCommand(argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> {
  // Read once: every partition is rebuilt by the same rules.
  let rules: ReturnType<typeof rulesInForce> | undefined;
  return runPartitionCommand({
    name: 'rebuild-state',
    service: 'validator',
    settings: validatorSettings,
    parse: () => parsePartitionArguments(argv, USAGE),
    env,
    run: async ({ family }, partition, { settings, kafka, logger }) =>
      rebuildState({
        kafka,
        family,
        partition,
        groupId: groupOf(family),
        settings: await (rules ??= rulesInForce(settings, new KafkaOperatorLog(settings.kafka, logger), logger)),
        limits: stateLimitsOf(settings),
        catalogLimits: catalogLimitsOf(settings),
        transactionTimeoutMs: settings.loop.transactionTimeoutMs,
        clock: () => new Date(),
      }),
  });
}
