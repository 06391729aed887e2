import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Kafka } from 'kafkajs';
import { FAMILIES, PARTITIONS, rawTopic, TOPICS, validatedTopic } from '@orderstream/contracts';
import { createKafka, ensureTopics, fetchEnds } from '@orderstream/kafka';
import { BARE_PUBLISH_GROUP, PASS_THROUGH_GROUP, passThroughTopic } from './baselines/names';
import { BenchProcess } from './bench-process';
import { fillRawTopics } from './fill';
import { freePort } from '../../test/support/free-port';
import { measure, type Figures } from './measure';
import { type Progress, progressOf, type Workload } from './progress';
import { renderReport, type Row } from './report';
import { measureRestore } from './restore';
import { CountingWriteApi } from './write-api';

/**
 * Measures each stage of the stream beside its ceiling: the bare client doing the same I/O and no work, in the same run.
 * The input is what order-generator produces, unthrottled, with 2 % bad records. Run it with `npm run bench`.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { records: { type: 'string', default: '300000' } } });
  const records = Number(values.records);
  if (!Number.isSafeInteger(records) || records < 10_000)
    throw new Error('--records: a whole number of at least 10000');

  const folder = mkdtempSync(join(tmpdir(), 'orderstream-bench-'));
  const environment = benchEnvironment();
  const kafka = createKafka({ brokers: environment.KAFKA_BROKERS.split(','), clientId: 'bench' });
  const passThrough = FAMILIES.map((family) => passThroughTopic(rawTopic(family)));
  await ensureTopics(
    kafka,
    [
      ...TOPICS,
      ...passThrough.map((name) => ({
        name,
        partitions: PARTITIONS,
        cleanup: 'delete' as const,
        maxMessageBytes: 4_194_304,
        timestamps: 'CreateTime' as const,
      })),
    ],
    { replication: 1 },
  );

  const run = (name: string, script: string, workload: Workload): Promise<Figures> => {
    process.stderr.write(`${name} …\n`);
    return measure(
      () => progressOf(kafka, workload),
      () => new BenchProcess(name, script, environment, folder),
    );
  };
  process.stderr.write(`logs in ${folder}\norder-generator: ${String(records)} records …\n`);
  const generated = await fillRawTopics(records, environment, folder);

  const rows: Row[] = [{ path: 'order-generator', ours: generated }];
  const raw = (groupOf: (family: (typeof FAMILIES)[number]) => string): Workload => ({
    groups: FAMILIES.map((family) => ({ groupId: groupOf(family), topic: rawTopic(family) })),
  });
  const passing = await run(
    'pass-through',
    'bench/src/baselines/pass-through.js',
    raw(() => PASS_THROUGH_GROUP),
  );
  rows.push({
    path: 'validator',
    ours: await run(
      'validator',
      'apps/validator/src/main.js',
      raw((family) => `validator-${family}`),
    ),
    ceiling: passing,
  });
  rows.push({ path: 'validator, start over its state', ours: await restoring(environment, folder) });

  const orders = validatedTopic('orders');
  process.stderr.write(
    `validated orders: ${String((await fetchEnds(kafka, orders)).reduce((a, b) => a + b, 0))} offsets\n`,
  );
  const publishing = await run('bare-publish', 'bench/src/baselines/bare-publish.js', {
    groups: [{ groupId: BARE_PUBLISH_GROUP, topic: orders }],
  });
  rows.push({
    path: 'pubsub-bridge',
    ours: await run('pubsub-bridge', 'apps/pubsub-bridge/src/main.js', {
      groups: [{ groupId: 'pubsub-bridge', topic: orders }],
    }),
    ceiling: publishing,
  });
  rows.push(await measureSink(kafka, environment, folder));
  process.stdout.write(renderReport(rows));
}

/** From the start of a validator until it is ready, over what the one before it has left. */
async function restoring(environment: Readonly<Record<string, string>>, folder: string): Promise<Figures> {
  process.stderr.write('validator, once more …\n');
  const port = await freePort();
  const own = { ...environment, HTTP_PORT: String(port) };
  const start = (): BenchProcess => new BenchProcess('validator-again', 'apps/validator/src/main.js', own, folder);
  return measureRestore(`http://127.0.0.1:${String(port)}`, start);
}

/** The sink beside bare appends, both to a Write API server that only counts; its tables are in the BigQuery emulator. */
async function measureSink(kafka: Kafka, environment: Readonly<Record<string, string>>, folder: string): Promise<Row> {
  const groups = FAMILIES.map((family) => ({ groupId: 'bq-sink', topic: validatedTopic(family) }));
  const { end } = await progressOf(kafka, { groups });
  const run = async (name: string, script: string, progress?: () => Promise<Progress>): Promise<Figures> => {
    process.stderr.write(`${name} …\n`);
    const server = await CountingWriteApi.start(folder);
    const own = { ...environment, BIGQUERY_GRPC_ENDPOINT: server.endpoint, BENCH_ROWS: String(end) };
    try {
      return await measure(
        progress ?? (async () => ({ done: await server.rows(), end })),
        () => new BenchProcess(name, script, own, folder),
      );
    } finally {
      await server.stop();
    }
  };
  const ceiling = await run('bare-appends', 'bench/src/baselines/bare-appends.js');
  const ours = await run('bq-sink', 'apps/bq-sink/src/main.js', () => progressOf(kafka, { groups }));
  return { path: 'bq-sink', ours, ceiling };
}

function required(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set: run this through npm run bench, which starts a broker and emulators`);
  return value;
}

/** The environment of every process under measurement. */
function benchEnvironment(): Record<'KAFKA_BROKERS' | 'BENCH_TOKEN', string> & Record<string, string> {
  const token = randomBytes(24).toString('hex');
  const sha256 = createHash('sha256').update(token).digest('hex');
  return {
    KAFKA_BROKERS: required('TEST_KAFKA_BROKERS'),
    KAFKA_REPLICATION: '1',
    PUBSUB_EMULATOR_HOST: required('TEST_PUBSUB_EMULATOR_HOST'),
    PUBSUB_PROJECT: required('TEST_BIGQUERY_PROJECT'),
    BIGQUERY_PROJECT: required('TEST_BIGQUERY_PROJECT'),
    BIGQUERY_API_ENDPOINT: required('TEST_BIGQUERY_API_ENDPOINT'),
    BIGQUERY_GRPC_ENDPOINT: required('TEST_BIGQUERY_GRPC_ENDPOINT'),
    METADATA_SERVER_DETECTION: 'none',
    LOG_LEVEL: 'warn',
    HTTP_PORT: '0',
    ADMIN_TOKENS: JSON.stringify([{ name: 'bench', role: 'operator', sha256 }]),
    BENCH_TOKEN: token,
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
