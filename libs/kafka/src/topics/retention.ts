import { ConfigResourceTypes, type Kafka } from 'kafkajs';
import { connectAdmin } from '../client/connect-admin';

const RETENTION = 'retention.ms';

/**
 * How long existing topics retain their records, in milliseconds, as the broker has it: Infinity without a limit of time.
 * A topic that does not exist is left out. Needs the right to describe the configuration of the topics.
 */
export async function fetchRetentions(kafka: Kafka, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const admin = await connectAdmin(kafka);
  try {
    const existing = new Set(await admin.listTopics());
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics
        .filter((name) => existing.has(name))
        .map((name) => ({ type: ConfigResourceTypes.TOPIC, name, configNames: [RETENTION] })),
    });
    return new Map(
      resources.map(({ resourceName, configEntries }) => {
        const retentionMs = Number(configEntries.find(({ configName }) => configName === RETENTION)?.configValue ?? -1);
        return [resourceName, retentionMs >= 0 ? retentionMs : Infinity];
      }),
    );
  } finally {
    await admin.disconnect();
  }
}
