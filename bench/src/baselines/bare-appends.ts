import { createWriteClient, RowBuffer, WriteStreams } from '@orderstream/bigquery';
import { FAMILIES, type Family, PARTITIONS, tableForFamily, validatedTopic } from '@orderstream/contracts';
import { createKafka, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { RowMapper } from '../../../apps/bq-sink/src/streams/row-mapper';

const ROWS_PER_APPEND = 2_000;
const MAX_IN_FLIGHT = 4;
const APPEND_TIMEOUT_MS = 30_000;

interface Load {
  readonly family: Family;
  readonly mapper: RowMapper;
  readonly rows: RowBuffer;
}

/**
 * The baseline of the sink: appends the same rows at explicit offsets over one connection per partition. The rows are
 * encoded before; there is no consumer and no commit.
 */
async function appendRows(): Promise<void> {
  const { KAFKA_BROKERS = '', BIGQUERY_PROJECT: project = '', BIGQUERY_GRPC_ENDPOINT: grpcEndpoint } = process.env;
  const kafka = createKafka({ brokers: KAFKA_BROKERS.split(','), clientId: 'bare-appends' });
  const mappers = new Map(FAMILIES.map((family) => [family, new RowMapper(family)]));
  const loads: Load[] = [];
  for (const [family, mapper] of mappers) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const rows = await encodeFirstRows(kafka, family, partition, mapper);
      if (rows.rows > 0) loads.push({ family, mapper, rows });
    }
  }
  const connection = { project, dataset: 'bench', location: 'US', grpcEndpoint };
  const streams = new WriteStreams(createWriteClient(connection));
  const left = { rows: Number(process.env.BENCH_ROWS) };
  process.once('SIGTERM', () => process.exit(0));
  await Promise.all(loads.map((load) => appendAll(streams, project, load, left)));
  // The benchmark stops this process after the measurement.
  setInterval(() => undefined, 60_000);
}

/** The rows of one append: the first records of the partition, encoded as by the sink. */
async function encodeFirstRows(kafka: Kafka, family: Family, partition: number, mapper: RowMapper): Promise<RowBuffer> {
  const rows = new RowBuffer(1_000_000);
  const enough = new AbortController();
  const topic = validatedTopic(family);
  const range = { topic, partition, from: 'beginning', until: 'end', signal: enough.signal } as const;
  await readPartition(kafka, range, ({ records }) => {
    for (const record of records) if (rows.rows < ROWS_PER_APPEND) mapper.encode(record, rows);
    if (rows.rows === ROWS_PER_APPEND) enough.abort();
  }).catch((error: unknown) => {
    if (!enough.signal.aborted) throw error;
  });
  return rows;
}

/** Appends the rows again and again, until all connections together have appended `left.rows` rows. */
async function appendAll(
  streams: WriteStreams,
  project: string,
  { family, mapper, rows }: Load,
  left: { rows: number },
): Promise<void> {
  const table = { project, dataset: 'bench', table: tableForFamily(family).table };
  const stream = await streams.create(table, mapper.columns);
  const options = { stream, schema: mapper.schema, appendTimeoutMs: APPEND_TIMEOUT_MS, maxInFlight: MAX_IN_FLIGHT };
  const connection = await streams.connect(options);
  let offset = 0;
  const appendOne = async (): Promise<void> => {
    while (left.rows > 0) {
      left.rows -= rows.rows;
      const at = offset;
      offset += rows.rows;
      const outcome = await connection.append(rows, at);
      if (outcome.kind !== 'appended') throw new Error(`append to ${stream} at ${at}: ${JSON.stringify(outcome)}`);
    }
  };
  await Promise.all(Array.from({ length: MAX_IN_FLIGHT }, appendOne));
  connection.close();
}

appendRows().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
