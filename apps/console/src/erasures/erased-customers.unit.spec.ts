import { headersOf, type KafkaRecord } from '@orderstream/kafka';
import { customerHash } from '@orderstream/contracts';
import { ErasedCustomers } from './erased-customers';

const CUSTOMER = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

const recordOf = (changes: Partial<KafkaRecord>): KafkaRecord => ({
  ...{ topic: 't.dlq.validator', partition: 0, offset: 1, timestamp: 0, key: null, value: null },
  headers: headersOf([]),
  ...changes,
});

describe('an erased customer', () => {
  const erased = new ErasedCustomers();
  erased.add(customerHash(CUSTOMER));

  it.each([
    ['the key', recordOf({ key: Buffer.from(CUSTOMER) })],
    ['a broken body', recordOf({ value: Buffer.from(`\xff{"customer_id":"${CUSTOMER}`, 'latin1') })],
    ['a header', recordOf({ headers: headersOf([['ce_subject', Buffer.from(CUSTOMER)]]) })],
  ])('is not shown when the id is in %s', (_, record) => {
    const headers = headersOf([
      ['dlq-reason', 'time.in_future'],
      ['ce_subject', CUSTOMER],
    ]);
    const shown = erased.redacted({ ...record, headers: record.key === null ? record.headers : headers });
    expect([shown.key, shown.value].map(String)).toEqual(['(erased)', '(erased)']);
    expect(JSON.stringify(shown.headers)).not.toContain(CUSTOMER);
    expect([shown.topic, shown.partition, shown.offset]).toEqual([record.topic, record.partition, record.offset]);
  });

  it('leaves the reason of the letter, and the letters of others', () => {
    const headers = headersOf([
      ['dlq-reason', 'time.in_future'],
      ['ce_id', '1'],
    ]);
    expect(erased.redacted(recordOf({ key: Buffer.from(CUSTOMER), headers })).headers).toEqual({
      'dlq-reason': 'time.in_future',
    });
    const other = recordOf({ key: Buffer.from(OTHER), headers });
    expect(erased.redacted(other)).toBe(other);
    expect(new ErasedCustomers().isIn(recordOf({ key: Buffer.from(CUSTOMER) }))).toBe(false);
  });
});
