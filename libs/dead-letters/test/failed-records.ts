import { type HeaderField, headerFields, headersOf, type KafkaRecord, type OutputRecord } from '@orderstream/kafka';
import fc from 'fast-check';
import { type DeadLetterContext, type DeadLetterReason } from '../src/build-dead-letter';

export const SOURCE = 'marketplace.orders.raw.v1';
export const FAILED_AT = new Date('2026-01-02T03:04:05.678Z');

export const bytes = fc.uint8Array({ maxLength: 64 }).map((array) => Buffer.from(array));
export const headerName = fc.oneof(
  fc.constantFrom('ce_id', 'a', 'b', '7', '__proto__', 'constructor', 'toString', 'dlq-other', ''),
  fc.string({ unit: 'grapheme', maxLength: 10 }),
);

export const anyRecord: KafkaRecord = {
  topic: SOURCE,
  partition: 4,
  offset: 17,
  timestamp: Date.parse('2026-01-02T03:00:00.000Z'),
  key: Buffer.from('k'),
  value: Buffer.from('v'),
  headers: { ce_id: Buffer.from('e') },
};
export const because = (...reasons: DeadLetterReason[]): DeadLetterContext => ({
  app: 'validator',
  reasons,
  failedAt: FAILED_AT,
});

/** The dead letter as a consumer reads it: header values are bytes. */
export function asRead(output: OutputRecord, topic = output.topic, offset = 0): KafkaRecord {
  const read = headerFields(output.headers).map(([name, value]): HeaderField => {
    return [name, typeof value === 'string' ? Buffer.from(value) : value];
  });
  return { ...output, topic, offset, timestamp: 0, headers: headersOf(read) };
}
