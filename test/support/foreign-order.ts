import { randomUUID } from 'node:crypto';
import { createBigQuery } from '@orderstream/bigquery';
import { CE, envelopeHeaders, PARTITIONS, rawTopic, validatedTopic } from '@orderstream/contracts';
import { type KafkaRecord, partitionFor, readPartition, RecordProducer } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';
import { type StackFile } from './running-stack';

/** The fields of an order.placed that the tests read. */
interface OrderBody {
  readonly event_id: string;
  readonly event_type: string;
  readonly order_id: string;
  readonly [field: string]: unknown;
}

/** The warehouse of a running stack. */
export function warehouse({
  bigquery: { projectId, dataset, apiEndpoint, grpcEndpoint },
}: StackFile): ReturnType<typeof createBigQuery> {
  return createBigQuery({ project: projectId, dataset, location: 'US', apiEndpoint, grpcEndpoint });
}

/** An order of another producer: a copy of an accepted order with new ids and times. */
export async function foreignOrder(kafka: Kafka): Promise<{
  readonly key: Buffer;
  readonly order: OrderBody;
  readonly headers: Record<string, string>;
}> {
  const placed = await findPlacedOrder(kafka);
  const time = new Date().toISOString();
  const order: OrderBody = {
    ...(JSON.parse(placed.value?.toString() ?? '') as OrderBody),
    event_id: randomUUID(),
    occurred_at: time,
    order_placed_at: time,
    order_id: randomUUID().replaceAll('-', '').repeat(2),
    order_rating: null,
  };
  const { event_id: id, event_type: type } = order;
  return {
    key: placed.key ?? Buffer.alloc(0),
    order,
    headers: envelopeHeaders({ id, type, source: 'another-shop', time }),
  };
}

async function findPlacedOrder(kafka: Kafka): Promise<KafkaRecord> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    let found: KafkaRecord | undefined;
    const range = { topic: validatedTopic('orders'), partition, from: 'beginning', until: 'end' } as const;
    await readPartition(kafka, range, (batch) => {
      found ??= batch.records.find(({ headers }) => headers[CE.type]?.toString() === 'order.placed');
    });
    if (found !== undefined) return found;
  }
  throw new Error('the topic of validated orders has no order.placed');
}

/** Sends an order to its raw topic. */
export async function produceOrder(
  kafka: Kafka,
  key: Buffer,
  value: string,
  headers: Record<string, string>,
): Promise<void> {
  const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
  await producer.connect();
  await producer.send([
    { topic: rawTopic('orders'), partition: partitionFor(key), key, value: Buffer.from(value), headers },
  ]);
  await producer.disconnect();
}
