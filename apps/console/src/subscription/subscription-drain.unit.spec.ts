import { deadLetterTopic, validatedTopic } from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import { type RejectedMessage } from './rejected-message';
import { SubscriptionDrain } from './subscription-drain';

const TOPIC = validatedTopic('orders');

const messageOf = (offset: number, changes: Partial<RejectedMessage> = {}): RejectedMessage => ({
  ackId: `ack-${String(offset)}`,
  messageId: `m${String(offset)}`,
  data: Buffer.from(`{"n":${String(offset)}}`),
  attributes: {
    ...{ kafka_topic: TOPIC, kafka_partition: '2', kafka_offset: String(offset), 'ce-id': `e${String(offset)}` },
    ...{
      CloudPubSubDeadLetterSourceDeliveryCount: '20',
      CloudPubSubDeadLetterSourceSubscription: 'orders-to-bigquery',
    },
  },
  orderingKey: '',
  publishedAtMs: 1_000,
  ...changes,
});
const recordOf = (offset: number): KafkaRecord => ({
  ...{ topic: TOPIC, partition: 2, offset, timestamp: 5 },
  key: Buffer.from('customer'),
  value: Buffer.from(`{"n":${String(offset)}}`),
  headers: { ce_id: Buffer.from(`e${String(offset)}`), binary: Buffer.from([0xff]) },
});

function drainOf(messages: readonly RejectedMessage[], { log = [] as KafkaRecord[], fails = false } = {}) {
  const steps: string[] = [];
  const letters: OutputRecord[] = [];
  const drain = new SubscriptionDrain({
    source: {
      pull: () => Promise.resolve([...messages]),
      acknowledge: (acked) => {
        steps.push(...acked.map(({ ackId }) => ackId));
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    },
    lookup: {
      read: (places, onRecord) => {
        for (const record of log) if (places.some(({ offset }) => offset === record.offset)) onRecord(record);
        return Promise.resolve();
      },
    },
    send: (sent) => {
      if (fails) return Promise.reject(new Error('the broker is away'));
      steps.push(`sent ${String(sent.length)}`);
      letters.push(...sent);
      return Promise.resolve();
    },
    onStored: () => undefined,
    logger: { info: () => undefined, warn: () => undefined },
  });
  return { drain, steps, letters };
}

const parsed = (letter: OutputRecord | undefined) => {
  if (letter === undefined) throw new Error('no letter');
  const headers = Object.fromEntries(
    Object.entries(letter.headers).map(([name, value]) => [name, Buffer.from(value as string)]),
  );
  return parseDeadLetter({ ...letter, headers, offset: 0, timestamp: 0 });
};

describe('messages that the subscription rejected', () => {
  it('become dead letters of the bridge, with the record as it was validated, before they are acknowledged', async () => {
    const { drain, steps, letters } = drainOf([messageOf(7), messageOf(8)], { log: [recordOf(7), recordOf(8)] });
    expect(await drain.drainOnce()).toBe(true);
    expect(steps).toEqual(['sent 2', 'ack-7', 'ack-8']);
    const letter = parsed(letters[0]);
    expect(letter).toMatchObject({
      ...{ topic: deadLetterTopic(TOPIC, 'pubsub-bridge'), partition: 2, app: 'pubsub-bridge' },
      reason: 'subscription.rejected',
      source: { topic: TOPIC, partition: 2, offset: 7 },
      key: Buffer.from('customer'),
      value: Buffer.from('{"n":7}'),
    });
    expect(letter.headers.binary).toEqual(Buffer.from([0xff]));
    expect(letter.reasons[0]?.constraint).toBe('rejected by orders-to-bigquery in 20 deliveries');
  });

  it('are not acknowledged when Kafka does not take them', async () => {
    const { drain, steps } = drainOf([messageOf(7)], { fails: true });
    await expect(drain.drainOnce()).rejects.toThrow('the broker is away');
    expect(steps).toEqual([]);
  });

  it('become letters of what the message has when the record is gone, or another one', async () => {
    const changed = { ...recordOf(8), value: Buffer.from('another log') };
    const { drain, letters } = drainOf([messageOf(7), messageOf(8, { orderingKey: 'k' })], { log: [changed] });
    await drain.drainOnce();
    const [gone, other] = letters.map(parsed);
    expect([gone?.key, gone?.value?.toString(), gone?.headers.ce_id?.toString()]).toEqual([null, '{"n":7}', 'e7']);
    expect([other?.key?.toString(), other?.value?.toString()]).toEqual(['k', '{"n":8}']);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['no coordinates', {}],
    ['a topic that the bridge does not read', { kafka_topic: 'x', kafka_partition: '0', kafka_offset: '1' }],
    ['a partition that there is not', { kafka_topic: TOPIC, kafka_partition: '6', kafka_offset: '1' }],
    ['an offset that is none', { kafka_topic: TOPIC, kafka_partition: '0', kafka_offset: '-1' }],
  ])('stay in Pub/Sub with %s', async (_, attributes) => {
    const { drain, steps } = drainOf([messageOf(7, { attributes })]);
    expect(await drain.drainOnce()).toBe(false);
    expect(steps).toEqual([]);
    expect(drain.state).toMatchObject({ stored: 0, foreign: 1 });
  });
});
