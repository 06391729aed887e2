import { type DeadLetterApp, deadLetterTopic, parkedTopic, TOPICS } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { type KafkaRecord, type OutputRecord } from '@orderstream/kafka';

/** A message of the dead-letter topic of the subscription. */
export interface RejectedMessage {
  readonly ackId: string;
  readonly messageId: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  readonly publishedAtMs: number;
}

/** Where the record of a message is in Kafka. */
export interface RecordPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const APP = 'pubsub-bridge' satisfies DeadLetterApp;
const REASON = 'subscription.rejected';
/** Attributes that Pub/Sub adds when it forwards a message ("Forward messages to a dead-letter topic"). */
const FORWARDED = 'CloudPubSubDeadLetterSource';
const PARTITIONS: ReadonlyMap<string, number> = new Map(TOPICS.map(({ name, partitions }) => [name, partitions]));

/** The place in the attributes that the bridge gives every message; undefined for a message of another program. */
export function placeOf({ attributes }: RejectedMessage): RecordPlace | undefined {
  const { kafka_topic: topic = '', kafka_partition: partition = '', kafka_offset: offset = '' } = attributes;
  const partitions = PARTITIONS.get(deadLetterTopic(topic, APP));
  if (partitions === undefined || topic.endsWith(parkedTopic(''))) return undefined;
  if (!/^\d{1,5}$/.test(partition) || !/^\d{1,15}$/.test(offset) || Number(partition) >= partitions) return undefined;
  return { topic, partition: Number(partition), offset: Number(offset) };
}

/**
 * The dead letter of a message: of the record in Kafka if that is still there and has the same body, so that a replay
 * returns what was validated. Otherwise it has what the message has: the headers that are attributes.
 */
export function letterOfMessage(
  message: RejectedMessage,
  place: RecordPlace,
  record: KafkaRecord | undefined,
  failedAt: Date,
): OutputRecord {
  const original = record?.value?.equals(message.data) === true ? record : recordOf(message, place);
  const { [`${FORWARDED}DeliveryCount`]: count, [`${FORWARDED}Subscription`]: subscription } = message.attributes;
  const constraint = `rejected by ${subscription ?? 'the subscription'} in ${count ?? 'all'} deliveries`;
  return buildDeadLetter(original, { app: APP, reasons: [{ code: REASON, constraint }], failedAt });
}

function recordOf({ data, attributes, orderingKey, publishedAtMs }: RejectedMessage, place: RecordPlace): KafkaRecord {
  const headers = Object.entries(attributes)
    .filter(([name]) => !name.startsWith('kafka_') && !name.startsWith(FORWARDED) && !name.startsWith('goog'))
    .map(([name, value]) => [name.replace(/^ce-/, 'ce_'), Buffer.from(value)]);
  return {
    ...place,
    timestamp: publishedAtMs,
    key: orderingKey === '' ? null : Buffer.from(orderingKey),
    value: data,
    headers: Object.fromEntries(headers) as Record<string, Buffer>,
  };
}
