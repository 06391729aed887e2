import { queryFresh } from '@orderstream/bigquery';
import { type BatchPlace, readPartition, type ReadPartitionOptions, type RecordBatch } from '@orderstream/kafka';
import { type DeliverySources, findUndelivered } from './undelivered-orders';

jest.mock('@orderstream/bigquery', () => ({ queryFresh: jest.fn() }));
jest.mock('@orderstream/kafka', () => ({
  fetchLogBounds: () => Promise.resolve({ beginnings: [0], ends: [20] }),
  readPartition: jest.fn(),
}));

const SOURCES = { topic: 'orders', table: 'shop.streaming_orders' } as DeliverySources;
const DAMAGED = { topic: 'orders', partition: 0, baseOffset: 4, lastOffset: 7, nextOffset: 8, records: 4 };

/** A log with the records 0 to 9, of which 4 to 7 are in a damaged batch. */
function log(): void {
  jest.mocked(readPartition).mockImplementation(async (_kafka, options: ReadPartitionOptions, onBatch) => {
    if (options.topic !== 'orders') return { nextOffset: 0 };
    const records = [0, 1, 2, 3, 8, 9].map((offset) => ({ offset }));
    if (options.onUnreadable === undefined) throw new Error('the batch at orders/0@4 cannot be decoded');
    options.onUnreadable(DAMAGED as BatchPlace, DAMAGED.records);
    await onBatch({ records } as unknown as RecordBatch);
    return { nextOffset: 10 };
  });
}

describe('the search for undelivered orders', () => {
  it.each([
    ['all of it', [0, 1, 2, 3, 8, 9], { records: 0, first: [], unreadable: 4 }],
    ['what had not arrived of it', [0, 1, 2, 3, 5, 8, 9], { records: 0, first: [], unreadable: 3 }],
    ['nothing when all had arrived', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { records: 0, first: [], unreadable: 0 }],
    ['and what is missing around it', [0, 1, 3, 8], { records: 2, first: [[0, 2]], unreadable: 4 }],
  ])('goes past a batch that cannot be decoded, and counts apart: %s', async (_, arrived, expected) => {
    log();
    jest
      .mocked(queryFresh)
      .mockImplementation((_bigquery, sql) =>
        Promise.resolve(
          sql.includes('COUNT(*)')
            ? [{ part: 0, delivered: arrived.length }]
            : arrived.map((offset) => ({ kafka_offset: offset })),
        ),
      );
    const found = await findUndelivered(
      SOURCES,
      [{ partition: 0, from: 0, until: 10 }],
      new Date(0),
      new AbortController().signal,
    );
    expect({ ...found, first: [...found.first] }).toEqual(expected);
  });
});
