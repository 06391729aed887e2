import { parseArgs } from 'node:util';
import { ConfigError, loadSettings } from '@orderstream/config';
import { FAMILIES, PARTITIONS } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { createKafka } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';
import { groupOf, qualityOf, stateLimitsOf, validatorSettings } from '../validator.config';
import { rebuildState } from './rebuild-state';

const USAGE = 'rebuild-state --family <orders|interactions|catalog|customers> --partition <number>';

/** Exit codes. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

class UsageError extends OrderstreamError {
  readonly code = 'USAGE' satisfies ErrorCode;
}

/**
 * `rebuild-state`: for a partition that stopped because its state cannot be read. The settings are the validator's own,
 * from the environment. The report goes to stdout as one line of JSON. After `POST /admin/resume` a running validator
 * opens the partition again.
 *
 * Exit codes: 0 rebuilt; 1 failed, nothing changed; 2 usage or configuration.
 */
export async function rebuildCommand(argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> {
  try {
    const { family, partition } = parsePartition(argv);
    const settings = loadSettings(validatorSettings, env);
    const logger = createLogger({ service: 'validator', level: 'warn' });
    const report = await rebuildState({
      kafka: createKafka(settings.kafka, logger),
      family,
      partition,
      groupId: groupOf(family),
      settings: qualityOf(settings),
      limits: stateLimitsOf(settings),
      transactionTimeoutMs: settings.loop.transactionTimeoutMs,
      clock: () => new Date(),
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`rebuild-state: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError || error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}

function parsePartition(argv: readonly string[]): { family: (typeof FAMILIES)[number]; partition: number } {
  const { values } = parseOptions(argv);
  const family = FAMILIES.find((known) => known === values.family);
  const partition = Number(values.partition ?? 'none');
  if (family === undefined || !Number.isInteger(partition) || partition < 0 || partition >= PARTITIONS) {
    throw new UsageError(`usage: ${USAGE}, where the number is from 0 to ${String(PARTITIONS - 1)}`);
  }
  return { family, partition };
}

function parseOptions(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: { family: { type: 'string' }, partition: { type: 'string' } } });
  } catch (cause) {
    throw new UsageError(`usage: ${USAGE}`, { cause });
  }
}
