import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { encodeRecordBatch } from '../codec/record-batch-encoder';
import { RecordTooLargeError } from '../index';
import { chunkRecords } from './chunks';

const IDENTITY = { producerId: -1n, producerEpoch: -1, firstSequence: -1, transactional: false };

describe('chunkRecords', () => {
  const output = fc.record({
    topic: fc.constantFrom('a', 'b'),
    partition: fc.nat(2),
    key: fc.constant(null),
    // Two records of the larger sizes are about as large as a request.
    value: fc.oneof(fc.nat(900), fc.integer({ min: 925, max: 942 })).map((n) => Buffer.alloc(n)),
    headers: fc.constant({}),
  });

  it('keeps every record, the order within a partition, and the bound of a request', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(output, { maxLength: 100 }), async (records) => {
        const chunks = chunkRecords(records, 2_000);
        for (const topic of ['a', 'b']) {
          for (const partition of [0, 1, 2]) {
            const sent = chunks.flatMap((c) =>
              c.topics.filter((t) => t.topic === topic).flatMap((t) => t.partitions.get(partition) ?? []),
            );
            expect(sent).toEqual(records.filter((r) => r.topic === topic && r.partition === partition));
          }
        }
        for (const { topics } of chunks) {
          const batches = topics.flatMap(({ partitions }) => [...partitions.values()]);
          const sizes = await Promise.all(batches.map(async (b) => (await encodeRecordBatch(b, IDENTITY, 0)).length));
          expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(2_000);
        }
      }),
    );
  });

  it('puts a record that fits no request alone into a compressed request', () => {
    const sizes = [100, 5_000, 100];
    const records = sizes.map((size) => ({
      topic: 'a',
      partition: 0,
      key: null,
      value: Buffer.alloc(size),
      headers: {},
    }));
    const chunks = chunkRecords(records, 2_000);
    expect(chunks.map(({ compress }) => compress)).toEqual([false, true, false]);
    expect(chunks.flatMap(({ topics }) => topics.flatMap(({ partitions }) => partitions.get(0) ?? []))).toEqual(
      records,
    );
  });

  it('rejects a record that fits no request even compressed', () => {
    const value = randomBytes(2_000);
    expect(() => chunkRecords([{ topic: 'a', partition: 0, key: null, value, headers: {} }], 2_000)).toThrow(
      RecordTooLargeError,
    );
  });

  it('bounds records and record batches by the topic where a bound is given for each', () => {
    const output = (topic: string, size: number) => ({
      ...{ topic, partition: 0, key: null, headers: {} },
      value: Buffer.alloc(size),
    });
    const bound = (topic: string): number => (topic === 'small' ? 2_000 : 10_000);
    const records = [output('small', 1_200), output('small', 1_200), output('large', 600), output('large', 3_000)];
    const chunks = chunkRecords([...records, output('small', 3_000)], 10_000, bound);
    expect(chunks.map(({ records: count, compress }) => [count, compress])).toEqual([
      [1, false],
      [3, false],
      [1, true],
    ]);
    const tooLarge = { ...output('small', 0), value: randomBytes(2_500) };
    expect(() => chunkRecords([tooLarge], 10_000, bound)).toThrow(RecordTooLargeError);
  });
});
