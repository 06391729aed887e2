import { FAMILIES, rawTopic, validatedTopic } from '@orderstream/contracts';
import { fetchEndOffsets } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { freePort } from './free-port';
import { BARE_PUBLISH_GROUP, PASS_THROUGH_GROUP } from './baselines/names';
import { BenchProcess } from './bench-process';
import { type Figures, measure } from './measure';
import { type Progress, readProgress, type Workload } from './progress';
import { type Row } from './report';
import { measureRestore } from './restore';
import { CountingWriteApi } from './write-api';

/** What every row of the report needs. */
export interface Bench {
  readonly kafka: Kafka;
  /** The environment of the processes under measurement. */
  readonly environment: Readonly<Record<string, string>>;
  /** The folder of their logs. */
  readonly folder: string;
  /** Whether the bare clients are measured beside the services. */
  readonly hasBaselines: boolean;
}

/** The validator, next to a loop that copies the same records in the same transactions. */
export async function measureValidator(bench: Bench): Promise<Row> {
  const groupsOf = (groupId: (family: (typeof FAMILIES)[number]) => string): Workload => ({
    groups: FAMILIES.map((family) => ({ groupId: groupId(family), topic: rawTopic(family) })),
  });
  const baseline = await baselineOf(bench, () =>
    measureConsumer(
      bench,
      'pass-through',
      'bench/src/baselines/pass-through.js',
      groupsOf(() => PASS_THROUGH_GROUP),
    ),
  );
  const service = await measureConsumer(
    bench,
    'validator',
    'apps/validator/src/main.js',
    groupsOf((family) => `validator-${family}`),
  );
  return { name: 'validator', service, ...baseline };
}

/** A start of the validator over the state of the one before, until it is ready. */
export async function measureValidatorRestore({ environment, folder }: Bench): Promise<Row> {
  process.stderr.write('validator, restore …\n');
  const port = String(await freePort());
  const start = (): BenchProcess =>
    new BenchProcess('validator-restore', 'apps/validator/src/main.js', { ...environment, HTTP_PORT: port }, folder);
  return { name: 'validator, restore of its state', service: await measureRestore(`http://127.0.0.1:${port}`, start) };
}

/** The bridge, next to a consumer that publishes the same values without attributes and checks. */
export async function measureBridge(bench: Bench): Promise<Row> {
  const topic = validatedTopic('orders');
  const offsets = (await fetchEndOffsets(bench.kafka, topic)).reduce((sum, end) => sum + end, 0);
  process.stderr.write(`validated orders: ${offsets} offsets\n`);
  const baseline = await baselineOf(bench, () =>
    measureConsumer(bench, 'bare-publish', 'bench/src/baselines/bare-publish.js', {
      groups: [{ groupId: BARE_PUBLISH_GROUP, topic }],
    }),
  );
  const service = await measureConsumer(bench, 'pubsub-bridge', 'apps/pubsub-bridge/src/main.js', {
    groups: [{ groupId: 'pubsub-bridge', topic }],
  });
  return { name: 'pubsub-bridge', service, ...baseline };
}

/**
 * The sink, next to bare appends. Both write to a Write API server that only counts rows; the tables are in the
 * emulator.
 */
export async function measureSink(bench: Bench): Promise<Row> {
  const { kafka, environment, folder } = bench;
  const groups = FAMILIES.map((family) => ({ groupId: 'bq-sink', topic: validatedTopic(family) }));
  const { end } = await readProgress(kafka, { groups });
  const measureWriter = async (name: string, script: string, progress?: () => Promise<Progress>): Promise<Figures> => {
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
  const baseline = await baselineOf(bench, () => measureWriter('bare-appends', 'bench/src/baselines/bare-appends.js'));
  const service = await measureWriter('bq-sink', 'apps/bq-sink/src/main.js', () => readProgress(kafka, { groups }));
  return { name: 'bq-sink', service, ...baseline };
}

async function baselineOf(
  { hasBaselines }: Bench,
  measureBaseline: () => Promise<Figures>,
): Promise<Pick<Row, 'baseline'>> {
  return hasBaselines ? { baseline: await measureBaseline() } : {};
}

/** Measures a process by the committed offsets of its consumer groups. */
function measureConsumer(
  { kafka, environment, folder }: Bench,
  name: string,
  script: string,
  workload: Workload,
): Promise<Figures> {
  process.stderr.write(`${name} …\n`);
  return measure(
    () => readProgress(kafka, workload),
    () => new BenchProcess(name, script, environment, folder),
  );
}
