import { headersOf, type HeaderField, type KafkaRecord } from '@orderstream/kafka';
import { parseForeignLetter } from './foreign-letter';

const recordOf = (fields: readonly HeaderField[]): KafkaRecord => ({
  ...{ topic: 'dlq-orders', partition: 2, offset: 40, timestamp: Date.UTC(2026, 2, 1) },
  key: Buffer.from('k'),
  value: Buffer.from('{}'),
  headers: headersOf(fields),
});
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};

const CONNECT: readonly HeaderField[] = [
  ['ce_type', 'order.placed'],
  ['__connect.errors.topic', 'orders'],
  ['__connect.errors.partition', '3'],
  ['__connect.errors.offset', '9000'],
  ['__connect.errors.connector.name', 'to-warehouse'],
  ['__connect.errors.stage', 'VALUE_CONVERTER'],
  ['__connect.errors.exception.class.name', 'org.apache.kafka.connect.errors.DataException'],
  ['__connect.errors.exception.message', 'Ada Becker is not a number'],
];
const SPRING: readonly HeaderField[] = [
  ['a', '1'],
  ['kafka_dlt-original-topic', 'orders'],
  ['kafka_dlt-original-partition', int32(5)],
  ['kafka_dlt-original-offset', int64(2 ** 40)],
  ['kafka_dlt-original-timestamp', int64(Date.UTC(2026, 1, 1))],
  ['kafka_dlt-exception-fqcn', 'org.springframework.kafka.listener.ListenerExecutionFailedException'],
  ['kafka_dlt-exception-cause-fqcn', 'java.lang.IllegalStateException'],
];

describe('a dead letter of another program', () => {
  it('is read from the headers of Kafka Connect', () => {
    expect(parseForeignLetter(recordOf(CONNECT))).toMatchObject({
      app: 'connect',
      reason: 'org.apache.kafka.connect.errors.DataException',
      reasons: [{ code: 'org.apache.kafka.connect.errors.DataException', path: 'VALUE_CONVERTER' }],
      source: { topic: 'orders', partition: 3, offset: 9000 },
      ...{ topic: 'dlq-orders', partition: 2, offset: 40, attempt: 1 },
      failedAt: new Date(Date.UTC(2026, 2, 1)),
      headers: { ce_type: 'order.placed' },
    });
  });

  it('does not repeat the message of an exception, which can quote the record', () => {
    expect(JSON.stringify(parseForeignLetter(recordOf(CONNECT)))).not.toContain('Ada');
  });

  it('is read from the binary headers of Spring, the last failure first', () => {
    const again: readonly HeaderField[] = [...SPRING, ['kafka_dlt-original-offset', int64(7)]];
    expect(parseForeignLetter(recordOf(SPRING))).toMatchObject({
      app: 'spring',
      reason: 'java.lang.IllegalStateException',
      source: { topic: 'orders', partition: 5, offset: 2 ** 40, timestamp: new Date(Date.UTC(2026, 1, 1)) },
    });
    expect(parseForeignLetter(recordOf(again))?.source.offset).toBe(7);
  });

  it('has one fingerprint for failures that are alike', () => {
    const other = CONNECT.map(([name, value]): HeaderField => [name, name.endsWith('offset') ? '1' : value]);
    const stage = CONNECT.map(([name, value]): HeaderField => [name, name.endsWith('stage') ? 'TASK_PUT' : value]);
    const of = (fields: readonly HeaderField[]): string | undefined =>
      parseForeignLetter(recordOf(fields))?.fingerprint;
    expect(of(other)).toBe(of(CONNECT));
    expect(of(stage)).not.toBe(of(CONNECT));
  });

  it.each<[string, readonly HeaderField[]]>([
    ['no headers', []],
    ['no offset', CONNECT.filter(([name]) => !name.endsWith('offset'))],
    ['an offset that is none', [...CONNECT, ['__connect.errors.offset', '-1']]],
    ['a partition of three bytes', [...SPRING, ['kafka_dlt-original-partition', Buffer.alloc(3)]]],
  ])('is none with %s', (_, fields) => {
    expect(parseForeignLetter(recordOf(fields))).toBeUndefined();
  });
});
