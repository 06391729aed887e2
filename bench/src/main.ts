import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAMILIES, PARTITIONS, rawTopic, TOPICS } from '@orderstream/contracts';
import { createKafka, ensureTopics } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { passThroughTopic } from './baselines/names';
import { benchEnvironment } from './environment';
import { fillRawTopics } from './fill';
import { parseOptions } from './options';
import { renderReport } from './report';
import { type Bench, measureBridge, measureSink, measureValidator, measureValidatorRestore } from './rows';

/**
 * `npm run bench -- [--records N] [--skip pubsub-bridge|baselines]`: measures each service, and next to it a baseline: the
 * bare client with the same I/O and no other work, in the same run. The input is generated without a rate limit, with 2 %
 * defects.
 */
async function runBenchmark(): Promise<void> {
  const { records, skip } = parseOptions(process.argv.slice(2));
  const folder = mkdtempSync(join(tmpdir(), 'orderstream-bench-'));
  const environment = benchEnvironment();
  const kafka = createKafka({ brokers: environment.KAFKA_BROKERS.split(','), clientId: 'bench' });
  const bench: Bench = { kafka, environment, folder, hasBaselines: !skip.has('baselines') };
  await createTopics(kafka);

  process.stderr.write(`logs in ${folder}\norder-generator: ${records} records …\n`);
  const generator = await fillRawTopics(records, environment, folder);
  const report = renderReport([
    { name: 'order-generator', service: generator },
    await measureValidator(bench),
    await measureValidatorRestore(bench),
    ...(skip.has('pubsub-bridge') ? [] : [await measureBridge(bench)]),
    await measureSink(bench),
  ]);
  process.stdout.write(report);
}

async function createTopics(kafka: Kafka): Promise<void> {
  const passThroughTopics = FAMILIES.map((family) => ({
    name: passThroughTopic(rawTopic(family)),
    partitions: PARTITIONS,
    cleanup: 'delete' as const,
    maxMessageBytes: 4_194_304,
    timestamps: 'CreateTime' as const,
  }));
  await ensureTopics(kafka, [...TOPICS, ...passThroughTopics], { replication: 1 });
}

runBenchmark().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
