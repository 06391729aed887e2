import { userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { ConfigError, loadSettings, parseInteger, type SettingsSpec } from '@orderstream/config';
import { FAMILIES, type Family, PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { createKafka, type KafkaConnection } from '@orderstream/kafka';
import { createLogger, type Logger } from '@orderstream/observability';
import type { Kafka } from 'kafkajs';
import { CommandAudit } from './audit/command-audit';

/** Exit codes of the commands: done; failed, where a partition that failed is unchanged; usage or configuration. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The family and the partitions that a command is for. */
export interface PartitionArguments {
  readonly family: Family;
  /** Given in place of the family, whose topic it is. */
  readonly topic?: string;
  readonly partitions: readonly number[];
  /** Who runs it, for the audit: `--actor`, otherwise the user of the operating system. */
  readonly actor: string;
}

/** What a command does with one partition. */
export interface CommandContext<S> {
  readonly settings: S;
  readonly kafka: Kafka;
  readonly actor: string;
  /** Writes to stderr: stdout has the reports. */
  readonly logger: Logger;
}

class UsageError extends OrderstreamError {
  readonly code = 'USAGE' satisfies ErrorCode;
  constructor(usage: string, cause?: unknown) {
    super(`usage: ${usage}, where the partition is from 0 to ${String(PARTITIONS - 1)}`, { cause });
  }
}

const string = { type: 'string' } as const;
const ACTOR = /^[\w.@-]{1,64}$/;

/** The logs that a command takes. */
interface LogArguments {
  readonly families?: readonly Family[];
  /** Topics beside those that are named by their family. */
  readonly topics?: readonly string[];
}

/** The arguments of a command. @throws UsageError */
export function parsePartitionArguments(
  argv: readonly string[],
  usage: string,
  { families = FAMILIES, topics = [] }: LogArguments = {},
): PartitionArguments & { readonly to: string | undefined } {
  const { values } = parseOptions(argv, usage);
  const { partition, all: isAll = false, to, actor = systemUser() } = values;
  const topic = topics.find((known) => known === values.topic);
  const family = families.find((known) =>
    topic === undefined
      ? known === values.family
      : [rawTopic(known), validatedTopic(known)].some((own) => topic.startsWith(own)),
  );
  const isOneLog = topic === undefined ? values.topic === undefined : values.family === undefined;
  if (family === undefined || !isOneLog || isAll !== (partition === undefined) || !ACTOR.test(actor)) {
    throw new UsageError(usage);
  }
  const log = { family, actor, ...(topic !== undefined && { topic }) };
  if (partition === undefined) return { ...log, partitions: [...Array(PARTITIONS).keys()], to };
  const one = parseInteger(partition, { min: 0, max: PARTITIONS - 1 });
  if (one === undefined) throw new UsageError(usage);
  return { ...log, partitions: [one], to };
}

/** The arguments of `set-position`. An offset is of one partition. @throws UsageError */
export function parsePositionArguments<T extends string>(
  argv: readonly string[],
  { usage, targets, ...logs }: { usage: string; targets: readonly T[] } & LogArguments,
): PartitionArguments & { readonly target: T | number } {
  const { to, ...place } = parsePartitionArguments(argv, usage, logs);
  const name = targets.find((known) => known === to);
  if (name !== undefined) return { ...place, target: name };
  const offset = to === undefined ? undefined : parseInteger(to, { min: 0 });
  if (offset === undefined || place.partitions.length > 1) throw new UsageError(usage);
  return { ...place, target: offset };
}

/** The user of this process. An id without a name, as a container may have, is shown as such. */
function systemUser(): string {
  try {
    return userInfo()
      .username.replace(/[^\w.@-]/g, '_')
      .slice(0, 64);
  } catch {
    return `uid-${String(process.getuid?.())}`;
  }
}

function parseOptions(argv: readonly string[], usage: string) {
  try {
    const options = {
      family: string,
      topic: string,
      partition: string,
      all: { type: 'boolean' },
      to: string,
      actor: string,
    } as const;
    return parseArgs({ args: [...argv], options });
  } catch (cause) {
    throw new UsageError(usage, cause);
  }
}

export interface PartitionCommand<S, A extends PartitionArguments> {
  readonly name: string;
  readonly service: string;
  readonly settings: SettingsSpec<S>;
  /** @throws UsageError */
  readonly parse: () => A;
  readonly env: NodeJS.ProcessEnv | undefined;
  /** All partitions at the same time. Default: one after the other. */
  readonly isConcurrent?: boolean;
  readonly run: (argument: A, partition: number, context: CommandContext<S>) => Promise<object>;
}

/**
 * Runs a command over its partitions, with the service's own settings from the environment. Each report goes to stdout as
 * one line of JSON. A partition that fails does not end the command. What is done with a partition is audited before it
 * is done, and again with its outcome.
 * @returns the exit code
 */
export async function runPartitionCommand<
  S extends { readonly kafka: KafkaConnection & { readonly replication: number } },
  A extends PartitionArguments,
>(command: PartitionCommand<S, A>): Promise<number> {
  const { name, service, env, isConcurrent = false } = command;
  const report = (error: unknown): void => {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  const logTo = (level: string): Logger => createLogger({ service, level, destination: process.stderr });
  try {
    const argument = command.parse();
    const settings = loadSettings(command.settings, env);
    const kafka = createKafka(settings.kafka, logTo('warn'));
    const { actor, family, partitions, ...change } = argument;
    const context = { settings, logger: logTo('info'), kafka, actor };
    const { replication } = settings.kafka;
    const audit = await CommandAudit.open(kafka, { service, actor, action: name, replication });
    let exitCode: number = EXIT.ok;
    const runOne = async (partition: number): Promise<void> => {
      try {
        const ended = await audit.begin(`${family}/${String(partition)}`, change);
        let result: object | undefined;
        try {
          result = await command.run(argument, partition, context);
          process.stdout.write(`${JSON.stringify(result)}\n`);
        } finally {
          // What was done is done: a failure to store the outcome is reported, and changes no exit code.
          await ended(result === undefined ? 500 : 200, result).catch(report);
        }
      } catch (error) {
        report(error);
        exitCode = EXIT.failed;
      }
    };
    try {
      if (isConcurrent) await Promise.all(partitions.map(runOne));
      else for (const partition of partitions) await runOne(partition);
    } finally {
      await audit.close();
    }
    return exitCode;
  } catch (error) {
    report(error);
    return error instanceof UsageError || error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}
