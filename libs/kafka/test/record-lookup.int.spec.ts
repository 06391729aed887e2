import { type Kafka } from 'kafkajs';
import { RecordLookup, RecordProducer } from '../src';
import { output, TestTopics, testKafka } from './broker';

const PARTITIONS = 3;
const BATCHES = 40;
const BATCH_RECORDS = 20;
const VALUE_BYTES = 15_000;

describe('single records', () => {
  let kafka: Kafka;
  let topics: TestTopics;
  let topic: string;
  let lookup: RecordLookup;

  beforeAll(async () => {
    kafka = testKafka();
    topics = new TestTopics(kafka);
    topic = await topics.create('lookup', PARTITIONS);
    const producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
    // Batches that are larger than what a request asks of a partition.
    for (let batch = 0; batch < BATCHES; batch++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const from = batch * BATCH_RECORDS;
        const values = Array.from({ length: BATCH_RECORDS }, (_, at) => valueAt(partition, from + at));
        await producer.send(values.map((value) => output(topic, partition, value)));
      }
    }
    await producer.disconnect();
    // Shorter than a wait for each batch.
    lookup = new RecordLookup(kafka, 10_000);
  });
  afterAll(async () => {
    await lookup.close();
    await topics.remove();
  });

  it('are read from large batches of several partitions', async () => {
    const places = Array.from({ length: PARTITIONS }, (_, partition) =>
      Array.from({ length: BATCHES }, (_, batch) => ({ topic, partition, offset: batch * BATCH_RECORDS + 7 })),
    ).flat();
    const found: string[] = [];
    await lookup.read(places, ({ partition, offset, value }) => {
      expect(value?.toString()).toBe(valueAt(partition, offset));
      found.push(`${String(partition)} ${String(offset)}`);
    });
    const expected = places.map(({ partition, offset }) => `${String(partition)} ${String(offset)}`);
    expect(found.sort()).toEqual(expected.sort());
  });

  it('are left out if the log does not have them', async () => {
    const found: number[] = [];
    const end = BATCHES * BATCH_RECORDS;
    const places = [end - 1, end, end + 1_000].map((offset) => ({ topic, partition: 0, offset }));
    await lookup.read(places, ({ offset }) => found.push(offset));
    expect(found).toEqual([end - 1]);
  });
});

const valueAt = (partition: number, offset: number): string =>
  `${String(partition)} ${String(offset)} `.padEnd(VALUE_BYTES, String(partition));
