import {
  CATALOG_VERSIONS_TOPIC,
  rawTopic,
  SETTINGS_TOPIC,
  AUDIT_TOPIC,
  stateTopic,
  TOPICS,
  validatedTopic,
} from '@orderstream/contracts';
import { connectAdmin } from '@orderstream/kafka';
import { ConfigResourceTypes, type Kafka } from 'kafkajs';
import { type ErasureStep } from './erasure';

const RETENTION = 'retention.ms';
const CATALOG = [rawTopic('catalog'), validatedTopic('catalog'), stateTopic('catalog'), CATALOG_VERSIONS_TOPIC];
/** Without customers: what vendors and operators say. The audit has hashes of customers. */
const isOfOthers = (topic: string): boolean =>
  topic === SETTINGS_TOPIC ||
  topic === AUDIT_TOPIC ||
  CATALOG.some((name) => topic === name || topic.startsWith(`${name}.`));

const STATE_NOTE =
  'Only the validator writes it: the customer leaves when STATE_MAX_REGISTRATIONS others have ordered since, their orders after 90 days or STATE_MAX_LIFECYCLES others.';

/** What the topics still have of a customer, and until when. A log is not rewritten: its retention deletes. */
export class CustomerTopics {
  constructor(private readonly kafka: Kafka) {}

  /** @param nowMs nothing of the customer is written after it */
  async steps(nowMs: number): Promise<ErasureStep[]> {
    const admin = await connectAdmin(this.kafka);
    try {
      const existing = new Set(await admin.listTopics());
      const topics = TOPICS.filter(({ name }) => existing.has(name) && !isOfOthers(name));
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: topics.map(({ name }) => ({
          type: ConfigResourceTypes.TOPIC,
          name,
          configNames: [RETENTION],
        })),
      });
      return topics.map(({ name, cleanup }): ErasureStep => {
        if (cleanup === 'compact')
          return retained(name, null, name === stateTopic('orders') ? STATE_NOTE : EVENTS_NOTE);
        const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? [];
        const retentionMs = Number(entries.find(({ configName }) => configName === RETENTION)?.configValue ?? -1);
        if (!(retentionMs >= 0))
          return retained(name, null, `It has no ${RETENTION}: it retains its records for ever.`);
        return retained(name, new Date(nowMs + retentionMs).toISOString());
      });
    } finally {
      await admin.disconnect();
    }
  }
}

const EVENTS_NOTE = 'Ids of events, without the customer.';

const retained = (name: string, remainingUntil: string | null, note?: string): ErasureStep => ({
  ...{ kind: 'topic', name, state: 'retained', remainingUntil },
  ...(note === undefined ? {} : { note }),
});
