import { type TopicSpec } from '@orderstream/contracts';
import { type Admin, type ITopicConfig, type Kafka } from 'kafkajs';
import { connectAdmin } from '../client/connect-admin';
import { TopicMismatchError, TopicMissingError } from '../errors';
import { delay } from '../read/backoff';

const APPEAR_DEADLINE_MS = 15_000;
const HOUR_MS = 3_600_000;

/**
 * Creates the topics that are missing. Several services may do so at once: a topic that another one made in the
 * meantime counts. The configuration of a topic that exists is left as it is (it is the operators').
 *
 * Waits for a broker that is not there yet (`connectAdmin`): it is the first that a service asks of Kafka.
 *
 * @throws KafkaUnreachableError
 * @throws TopicMismatchError when a topic has another partition count than its spec
 */
export async function ensureTopics(
  kafka: Kafka,
  specs: readonly TopicSpec[],
  options: { readonly replication: number },
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
    await check(admin, specs, performance.now() + APPEAR_DEADLINE_MS);
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

/** A topic just made takes a moment until every broker knows it and its leaders. */
async function check(admin: Admin, specs: readonly TopicSpec[], deadline: number): Promise<void> {
  for (;;) {
    const existing = new Set(await admin.listTopics());
    const absent = specs.filter(({ name }) => !existing.has(name)).map(({ name }) => name);
    const leaderless = absent.length > 0 ? absent : await compare(admin, specs);
    if (leaderless.length === 0) return;
    if (performance.now() >= deadline) {
      throw new TopicMissingError(`Topics are missing or have no leader: ${leaderless.join(', ')}`);
    }
    await delay(100);
  }
}

/** The topics that have no leader for each partition yet. */
async function compare(admin: Admin, specs: readonly TopicSpec[]): Promise<string[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map(({ name }) => name) });
  const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions]));
  const mismatches: string[] = [];
  const leaderless: string[] = [];
  for (const spec of specs) {
    const found = partitions.get(spec.name) ?? [];
    if (found.length === 0 || found.some(({ leader }) => leader < 0)) leaderless.push(spec.name);
    else if (found.length !== spec.partitions) {
      mismatches.push(`${spec.name} has ${found.length.toString()} partitions, not ${spec.partitions.toString()}`);
    }
  }
  if (mismatches.length > 0) {
    throw new TopicMismatchError(
      `${mismatches.join('; ')}. The partition count is fixed for the life of a topic's version: a change needs a new version`,
    );
  }
  return leaderless;
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
 * So that a restore reads little more than what is live: the active segment is never compacted, so it is small and rolls
 * hourly; the others are compacted when a fifth is stale. Tombstones and the markers of transactions, of which every
 * commit leaves some, go after ten minutes: a reader that takes longer from the beginning to the end may miss a tombstone.
 */
const COMPACTION = {
  'segment.ms': HOUR_MS.toString(),
  'segment.bytes': (8 * 1_048_576).toString(),
  'min.cleanable.dirty.ratio': '0.2',
  'max.compaction.lag.ms': (24 * HOUR_MS).toString(),
  'delete.retention.ms': (10 * 60_000).toString(),
};
