import type { KafkaRecord } from '@orderstream/kafka';
import { outcomeOf } from './batch-tracing';

const record = (offset: number): KafkaRecord => ({
  topic: 'orders',
  partition: 0,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: {},
});

describe('the outcome of a record in its span', () => {
  it('is that of its verdict, with the first reason of a rejection, and unknown while the record waits', () => {
    const records = [3, 4, 5, 6, 7].map(record);
    const [, , rejected] = records;
    if (rejected === undefined) throw new Error('no record');
    const reasons = [{ code: 'time.in_future' }, { code: 'reference.unknown_vendor' }];
    const evaluated = {
      verdicts: ['accept', 'repair', 'reject', 'skip'] as const,
      deadLettered: [{ record: rejected, reasons, isParked: false }],
    };
    expect(records.map((one) => outcomeOf(one, records, evaluated))).toEqual([
      { outcome: 'accepted' },
      { outcome: 'repaired' },
      { outcome: 'dead_lettered', reason: 'time.in_future' },
      { outcome: 'skipped' },
      undefined,
    ]);
  });
});
