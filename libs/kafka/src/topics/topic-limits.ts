import { type Admin, ConfigResourceTypes } from 'kafkajs';
import { retried } from '../read/offsets';

const MAX_MESSAGE_BYTES = 'max.message.bytes';
/** Of a broker without a setting of its own. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** What a producer must know about a topic that it has not created. */
export interface TopicLimits {
  readonly partitions: number;
  /** Of a record batch: `max.message.bytes`. */
  readonly maxMessageBytes: number;
}

/** A topic that does not exist is left out, and none is created. Needs the right to describe the configuration of the topics. */
export function fetchTopicLimits(admin: Admin, topics: readonly string[]): Promise<ReadonlyMap<string, TopicLimits>> {
  return retried(async () => {
    const existing = new Set(await admin.listTopics());
    const names = topics.filter((name) => existing.has(name));
    if (names.length === 0) return new Map<string, TopicLimits>();
    const [{ topics: described }, { resources }] = await Promise.all([
      admin.fetchTopicMetadata({ topics: names }),
      admin.describeConfigs({
        includeSynonyms: false,
        resources: names.map((name) => ({
          type: ConfigResourceTypes.TOPIC,
          name,
          configNames: [MAX_MESSAGE_BYTES],
        })),
      }),
    ]);
    const bytes = new Map(
      resources.map(({ resourceName, configEntries }) => {
        const entry = configEntries.find(({ configName }) => configName === MAX_MESSAGE_BYTES);
        return [resourceName, Number(entry?.configValue ?? DEFAULT_MAX_MESSAGE_BYTES)];
      }),
    );
    return new Map(
      described.map(({ name, partitions }): [string, TopicLimits] => [
        name,
        { partitions: partitions.length, maxMessageBytes: bytes.get(name) ?? DEFAULT_MAX_MESSAGE_BYTES },
      ]),
    );
  });
}
