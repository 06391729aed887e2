import {
  AUDIT_TOPIC,
  CATALOG_VERSIONS_TOPIC,
  rawTopic,
  SETTINGS_TOPIC,
  stateTopic,
  TOPICS,
  validatedTopic,
} from '@orderstream/contracts';
import { fetchRetentions } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { type ErasureStep } from './erasure';

const CATALOG = [rawTopic('catalog'), validatedTopic('catalog'), stateTopic('catalog'), CATALOG_VERSIONS_TOPIC];
/** Without customers: what vendors and operators say. The audit has hashes of customers. */
const isOfOthers = (topic: string): boolean =>
  topic === SETTINGS_TOPIC ||
  topic === AUDIT_TOPIC ||
  CATALOG.some((name) => topic === name || topic.startsWith(`${name}.`));

const COMPACTED_NOTES: Readonly<Record<string, string>> = {
  [stateTopic('orders')]:
    'Only the validator writes it, and SERVICE_OPERATOR_TOKEN is not set: the customer leaves when STATE_MAX_REGISTRATIONS others have ordered since.',
};
const EVENTS_NOTE = 'It has ids of events, without the customer.';
const FOR_EVER = 'It has no retention.ms: it retains its records for ever.';

/** What the topics still have of a customer, and until when. A log is not rewritten: its retention deletes. */
export class CustomerTopics {
  constructor(private readonly kafka: Kafka) {}

  /** @param nowMs nothing of the customer is written after it */
  async steps(nowMs: number): Promise<ErasureStep[]> {
    const topics = TOPICS.filter(({ name }) => !isOfOthers(name));
    const retentions = await fetchRetentions(
      this.kafka,
      topics.map(({ name }) => name),
    );
    return topics.flatMap(({ name, cleanup }) => {
      const retentionMs = retentions.get(name);
      if (retentionMs === undefined) return [];
      if (cleanup === 'compact') return [retained(name, null, COMPACTED_NOTES[name] ?? EVENTS_NOTE)];
      if (retentionMs === Infinity) return [retained(name, null, FOR_EVER)];
      return [retained(name, new Date(nowMs + retentionMs).toISOString())];
    });
  }
}

const retained = (name: string, remainingUntil: string | null, note?: string): ErasureStep => ({
  ...{ kind: 'topic', name, state: 'retained', remainingUntil },
  ...(note === undefined ? {} : { note }),
});
