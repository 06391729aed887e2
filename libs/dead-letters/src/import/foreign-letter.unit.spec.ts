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

  it.each<[string, readonly HeaderField[], object]>([
    ['no offset', CONNECT.filter(([name]) => !name.endsWith('offset')), { topic: 'orders', partition: 3, offset: -1 }],
    ['an offset that is none', [...CONNECT, ['__connect.errors.offset', '-1']], { offset: -1 }],
    ['a partition of three bytes', [...SPRING, ['kafka_dlt-original-partition', Buffer.alloc(3)]], { partition: -1 }],
    [
      'a negative partition',
      [...SPRING, ['kafka_dlt-original-partition', int32(-5)]],
      { partition: -1, offset: 2 ** 40 },
    ],
    ['no topic', CONNECT.filter(([name]) => !name.endsWith('topic')), { topic: '', partition: 3 }],
    ['a topic that none can have', [...CONNECT, ['__connect.errors.topic', 'a\u001b[2Jb']], { topic: '' }],
  ])('with %s is one whose source is not known', (_, fields, source) => {
    expect(parseForeignLetter(recordOf(fields))?.source).toMatchObject(source);
  });

  it('is none without headers of these programs', () => {
    expect(parseForeignLetter(recordOf([]))).toBeUndefined();
    expect(parseForeignLetter(recordOf([['dlq-replay', '{"plan":"p","letter":"0/1","origin":4}']]))).toBeUndefined();
  });

  it('has the headers of its record only, without those with which Spring would begin at the last attempt', () => {
    const retried: readonly HeaderField[] = [
      ...SPRING,
      ['retry_topic-attempts', int32(4)],
      ['kafka_deliveryAttempt', int32(3)],
      ['springDeserializerExceptionValue', Buffer.from('x')],
      ['dlq-attempt', '2'],
    ];
    expect(parseForeignLetter(recordOf(retried))?.headers).toEqual({ a: '1' });
  });

  it('that a replay has returned before says so, and counts its attempts', () => {
    const mark = { plan: 'p', letter: '2/31', origin: 7 };
    const again: readonly HeaderField[] = [
      ...CONNECT,
      ['dlq-attempt', '2'],
      ['dlq-first-failed-at', '2026-02-03T04:05:06.000Z'],
      ['dlq-replay', JSON.stringify(mark)],
    ];
    expect(parseForeignLetter(recordOf(again))).toMatchObject({
      ...{ attempt: 3, replay: mark, firstFailedAt: new Date('2026-02-03T04:05:06.000Z') },
      headers: { ce_type: 'order.placed' },
    });
    // Without the mark of a replay, the attempts are of another program.
    const other = again.filter(([name]) => name !== 'dlq-replay');
    expect(parseForeignLetter(recordOf(other))).toMatchObject({ attempt: 1, replay: undefined });
  });
});
