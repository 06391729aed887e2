import { parseArgs } from 'node:util';
import { ConfigError, loadSettings } from '@orderstream/config';
import { FAMILIES, type Family, PARTITIONS } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { createKafka } from '@orderstream/kafka';
import { createLogger, type Logger } from '@orderstream/observability';
import type { Kafka } from 'kafkajs';
import { type ValidatorSettings, validatorSettings } from './validator.config';

/** Exit codes of the commands: done; failed, where a partition that failed is unchanged; usage or configuration. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The family and the partitions that a command is for. */
export interface Place {
  readonly family: Family;
  readonly partitions: readonly number[];
}

/** What a command does with one partition. */
export interface CommandContext {
  readonly settings: ValidatorSettings;
  readonly kafka: Kafka;
  /** Writes to stderr: stdout has the reports. */
  readonly logger: Logger;
}

export class UsageError extends OrderstreamError {
  readonly code = 'USAGE' satisfies ErrorCode;
  constructor(usage: string, cause?: unknown) {
    super(`usage: ${usage}, where the partition is from 0 to ${String(PARTITIONS - 1)}`, { cause });
  }
}

const string = { type: 'string' } as const;

/** The arguments of a command. @throws UsageError */
export function parseArguments(argv: readonly string[], usage: string): Place & { readonly to: string | undefined } {
  const { values } = parseOptions(argv, usage);
  const family = FAMILIES.find((known) => known === values.family);
  const partition = Number(values.partition ?? 'none');
  const isPartition = Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS;
  const isAll = values.all === true && values.partition === undefined;
  if (family === undefined || !(isPartition || isAll)) throw new UsageError(usage);
  return { family, partitions: isAll ? [...Array(PARTITIONS).keys()] : [partition], to: values.to };
}

function parseOptions(argv: readonly string[], usage: string) {
  try {
    const options = { family: string, partition: string, all: { type: 'boolean' }, to: string } as const;
    return parseArgs({ args: [...argv], options });
  } catch (cause) {
    throw new UsageError(usage, cause);
  }
}

/**
 * Runs a command over its partitions, one after the other, with the validator's own settings from the environment. Each
 * report goes to stdout as one line of JSON. A partition that fails does not end the command.
 * @returns the exit code
 */
export async function runCommand<A extends Place>(
  name: string,
  parse: () => A,
  env: NodeJS.ProcessEnv | undefined,
  run: (argument: A, partition: number, context: CommandContext) => Promise<object>,
): Promise<number> {
  const report = (error: unknown): void => {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  try {
    const argument = parse();
    const settings = loadSettings(validatorSettings, env);
    const logger = createLogger({ service: 'validator', level: 'info', destination: process.stderr });
    const kafka = createKafka(
      settings.kafka,
      createLogger({ service: 'validator', level: 'warn', destination: process.stderr }),
    );
    let exitCode: number = EXIT.ok;
    for (const partition of argument.partitions) {
      try {
        process.stdout.write(`${JSON.stringify(await run(argument, partition, { settings, kafka, logger }))}\n`);
      } catch (error) {
        report(error);
        exitCode = EXIT.failed;
      }
    }
    return exitCode;
  } catch (error) {
    report(error);
    return error instanceof UsageError || error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}
