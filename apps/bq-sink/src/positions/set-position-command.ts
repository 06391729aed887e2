import { parseArgs } from 'node:util';
import { createBigQuery, createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { ConfigError, loadSettings } from '@orderstream/config';
import { FAMILIES, type Family, PARTITIONS, tableForFamily, validatedTopic } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { createKafka, fetchBounds, PartitionTransactions } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';

import { bqSinkSettings } from '../bq-sink.config';
import { GROUP_ID } from '../sink';
import { BigQueryWarehouse } from '../streams/bigquery-warehouse';
import { RowMapper } from '../streams/row-mapper';
import { type Goal, setPosition } from './set-position';

const USAGE =
  'set-position --family <orders|interactions|catalog|customers> --partition <number> --to <offset|beginning|table>';

/** How the command ends. */
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

class UsageError extends OrderstreamError {
  readonly code = 'USAGE' satisfies ErrorCode;
}

/**
 * `set-position`: see `setPosition`. Takes the sink's own settings from the environment. The report goes to stdout as one
 * line of JSON; a running sink then opens the partition again after `POST /admin/resume`.
 *
 * Exit codes: 0 done; 1 rejected or failed, nothing changed; 2 usage or configuration.
 */
export async function setPositionCommand(argv: readonly string[], env?: NodeJS.ProcessEnv): Promise<number> {
  try {
    const { family, partition, goal } = parse(argv);
    const { kafka: connection, bigquery, sink } = loadSettings(bqSinkSettings, env);
    const kafka = createKafka(connection, createLogger({ service: 'bq-sink', level: 'warn' }));
    const ref = { topic: validatedTopic(family), partition };
    const { project, dataset } = bigquery;
    const report = await setPosition({
      partition: ref,
      goal,
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
        const { beginnings, ends } = await fetchBounds(kafka, ref.topic);
        return { start: beginnings[partition] ?? 0, end: ends[partition] ?? 0 };
      },
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return EXIT.ok;
  } catch (error) {
    process.stderr.write(`set-position: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError || error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}

function parse(argv: readonly string[]): { family: Family; partition: number; goal: Goal } {
  const { values } = parsed(argv);
  const family = FAMILIES.find((known) => known === values.family);
  const partition = Number(values.partition ?? 'none');
  const goal = goalOf(values.to);
  const isPartition = Number.isInteger(partition) && partition >= 0 && partition < PARTITIONS;
  if (family === undefined || !isPartition || goal === undefined) {
    throw new UsageError(`usage: ${USAGE}, where the number is from 0 to ${String(PARTITIONS - 1)}`);
  }
  return { family, partition, goal };
}

function goalOf(text: string | undefined): Goal | undefined {
  if (text === 'beginning' || text === 'table') return text;
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function parsed(argv: readonly string[]) {
  const string = { type: 'string' } as const;
  try {
    return parseArgs({ args: [...argv], options: { family: string, partition: string, to: string } });
  } catch (cause) {
    throw new UsageError(`usage: ${USAGE}`, { cause });
  }
}
