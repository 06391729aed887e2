import { type TopicSpec } from '@orderstream/contracts';
import { type Admin, type ITopicConfig, type Kafka } from 'kafkajs';
import { connectAdmin } from '../client/connect-admin';
import { TopicMismatchError, TopicMissingError } from '../errors';
import { delay } from '../delay';

const APPEAR_DEADLINE_MS = 15_000;
const HOUR_MS = 3_600_000;

/**
 * Creates the missing topics. Several services can do so at the same time. Does not change the configuration of existing
 * topics, which belongs to the operators.
 *
 * It is a service's first request to Kafka: it waits for a broker that is still starting (`connectAdmin`).
 *
 * @throws KafkaUnreachableError
 * @throws TopicMissingError when a topic does not appear within 15 s
 * @throws TopicMismatchError when the partition count of a topic differs from its spec, unless `onMismatch` takes it: a
 * server does not read such a topic, and reads the others
 */
export async function ensureTopics(
  kafka: Kafka,
  specs: readonly TopicSpec[],
  options: { readonly replication: number; readonly onMismatch?: (mismatch: TopicMismatchError) => void },
): Promise<void> {
  await withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics());
    const missing = specs.filter(({ name }) => !existing.has(name));
    if (missing.length > 0) {
      await admin.createTopics({
        topics: missing.map((spec) => topicConfig(spec, options.replication)),
        timeout: APPEAR_DEADLINE_MS,
        waitForLeaders: false,
      });
    }
    const mismatches = await waitUntilPresent(admin, specs, missing, performance.now() + APPEAR_DEADLINE_MS);
    const { onMismatch } = options;
    if (onMismatch !== undefined) mismatches.forEach(onMismatch);
    else if (mismatches[0] !== undefined) throw mismatches[0];
  });
}

async function withAdmin(kafka: Kafka, use: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = await connectAdmin(kafka);
  try {
    await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/**
 * It takes a moment until every broker knows a new topic and its leaders. A partition that has lost its leader holds back
 * itself only: a topic that existed before counts as present when one of its partitions has a leader.
 *
 * @returns the topics with a wrong partition count
 */
async function waitUntilPresent(
  admin: Admin,
  specs: readonly TopicSpec[],
  created: readonly TopicSpec[],
  deadline: number,
): Promise<TopicMismatchError[]> {
  for (;;) {
    const existing = new Set(await admin.listTopics());
    const absent = specs.filter(({ name }) => !existing.has(name)).map(({ name }) => name);
    const found = absent.length > 0 ? undefined : await partitionsOf(admin, specs, created);
    const missing = found === undefined ? absent : specs.filter(({ name }) => !found.has(name)).map(({ name }) => name);
    if (found !== undefined && missing.length === 0) return mismatchesOf(specs, found);
    if (performance.now() >= deadline) {
      throw new TopicMissingError(
        `These topics do not exist or have no leader: ${missing.join(', ')}. Create them, or allow this client to, and check the brokers.`,
      );
    }
    await delay(100);
  }
}

/** The partition counts of the topics that have their leaders. */
async function partitionsOf(
  admin: Admin,
  specs: readonly TopicSpec[],
  created: readonly TopicSpec[],
): Promise<Map<string, number>> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) });
  const isNew = new Set(created.map(({ name }) => name));
  return new Map(
    topics
      .filter(({ name, partitions }) => {
        const led = partitions.filter(({ leader }) => leader >= 0).length;
        return led > 0 && (led === partitions.length || !isNew.has(name));
      })
      .map(({ name, partitions }) => [name, partitions.length]),
  );
}

function mismatchesOf(specs: readonly TopicSpec[], found: ReadonlyMap<string, number>): TopicMismatchError[] {
  return specs.flatMap(({ name, partitions: expected }) => {
    const partitions = found.get(name) ?? expected;
    return partitions === expected ? [] : [new TopicMismatchError(name, partitions, expected)];
  });
}

function topicConfig(spec: TopicSpec, replication: number): ITopicConfig {
  const config: Record<string, string> = {
    'cleanup.policy': spec.cleanup,
    'max.message.bytes': spec.maxMessageBytes.toString(),
    'message.timestamp.type': spec.timestamps,
    ...(spec.retentionMs === undefined ? {} : { 'retention.ms': spec.retentionMs.toString() }),
    ...(replication >= 3 ? { 'min.insync.replicas': '2' } : {}),
    ...(spec.cleanup === 'compact' ? COMPACTION : {}),
  };
  return {
    topic: spec.name,
    numPartitions: spec.partitions,
    replicationFactor: replication,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
  };
}

/**
 * Keeps the log small, so that a restore reads little more than the live records. The active segment is never compacted:
 * it is small and rolls every hour. The others are compacted when a fifth is stale. Tombstones and transaction markers are
 * deleted after ten minutes: a reader that takes longer than that from the beginning to the end can miss a tombstone.
 */
const COMPACTION = {
  'segment.ms': HOUR_MS.toString(),
  'segment.bytes': (8 * 1_048_576).toString(),
  'min.cleanable.dirty.ratio': '0.2',
  'max.compaction.lag.ms': (24 * HOUR_MS).toString(),
  'delete.retention.ms': (10 * 60_000).toString(),
};
