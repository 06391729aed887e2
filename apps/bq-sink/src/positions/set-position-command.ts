import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { createBigQuery, createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { ConfigError, loadSettings } from '@orderstream/config';
import { FAMILIES, type Family, PARTITIONS, tableForFamily, validatedTopic } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { createKafka, fetchLogBounds, PartitionTransactions } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';

import { bqSinkSettings } from '../bq-sink.config';
import { GROUP_ID } from '../sink-topics';
import { BigQueryWarehouse } from '../streams/bigquery-warehouse';
import { RowMapper } from '../streams/row-mapper';
import { type PositionTarget, setPosition } from './set-position';

const USAGE =
  'set-position --family <orders|interactions|catalog|customers> --partition <number> --to <offset|beginning|table>';

/** Exit codes of the command. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

class UsageError extends OrderstreamError {
  readonly code = 'USAGE' satisfies ErrorCode;
}

/**
 * `set-position`: see `setPosition`. Reads the sink's own settings from the environment and prints the report to stdout as
 * one line of JSON. After `POST /admin/resume` a running sink opens the partition again.
 *
 * Exit codes: 0 done; 1 rejected or failed, nothing changed; 2 usage or configuration.
 */
export async function setPositionCommand(argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> {
  try {
    const { family, partition, target } = parse(argv);
    const { kafka: connection, bigquery, sink } = loadSettings(bqSinkSettings, env);
    const kafka = createKafka(connection, createLogger({ service: 'bq-sink', level: 'warn' }));
    const ref = { topic: validatedTopic(family), partition };
    const { project, dataset } = bigquery;
    const report = await setPosition({
      partition: ref,
      target,
      warehouse: new BigQueryWarehouse({
        bigquery: createBigQuery(bigquery),
        streams: new WriteStreams(createWriteClient(bigquery)),
        table: { project, dataset, table: tableForFamily(family).table },
        partition: ref,
        mapper: new RowMapper(family),
        appendTimeoutMs: sink.appendTimeoutMs,
        maxInFlight: sink.maxInFlight,
      }),
      openTransactions: () =>
        PartitionTransactions.open(kafka, {
          groupId: GROUP_ID,
          ...ref,
          transactionTimeoutMs: sink.transactionTimeoutMs,
        }),
      logBounds: async () => {
        const { beginnings, ends } = await fetchLogBounds(kafka, ref.topic);
        return { start: beginnings[partition] ?? 0, end: ends[partition] ?? 0 };
      },
      wait: () => {
        const seconds = String(sink.fallbackWaitMs / 1_000);
        process.stderr.write(`set-position: waiting ${seconds} s until no append to an unknown stream can land\n`);
        return delay(sink.fallbackWaitMs);
      },
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`set-position: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError || error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}

function parse(argv: readonly string[]): { family: Family; partition: number; target: PositionTarget } {
  const { values } = parseOptions(argv);
  const family = FAMILIES.find((known) => known === values.family);
  const partition = Number(values.partition ?? 'none');
  const target = parseTarget(values.to);
  const isPartition = Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS;
  if (family === undefined || !isPartition || target === undefined) {
    throw new UsageError(`usage: ${USAGE}, with a partition from 0 to ${String(PARTITIONS - 1)}`);
  }
  return { family, partition, target };
}

function parseTarget(text: string | undefined): PositionTarget | undefined {
  if (text === 'beginning' || text === 'table') return text;
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function parseOptions(argv: readonly string[]) {
  const string = { type: 'string' } as const;
  try {
    return parseArgs({ args: [...argv], options: { family: string, partition: string, to: string } });
  } catch (cause) {
    throw new UsageError(`usage: ${USAGE}`, { cause });
  }
}
