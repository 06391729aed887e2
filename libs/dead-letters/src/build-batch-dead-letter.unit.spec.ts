import { randomBytes } from 'node:crypto';

import { type OutputRecord, type UnreadableBatch } from '@orderstream/kafka';

import { anyRecord, asRead, because, FAILED_AT, SOURCE } from '../test/failed-records';
import { buildBatchDeadLetter } from './build-batch-dead-letter';
import { buildDeadLetter } from './build-dead-letter';
import { parseDeadLetter } from './parse-dead-letter';

describe('the dead letter of a record batch that cannot be decoded', () => {
  const batch: UnreadableBatch = {
    topic: SOURCE,
    partition: 4,
    baseOffset: 70,
    firstOffset: 73,
    lastOffset: 81,
    nextOffset: 82,
    records: 12,
    unread: 9,
    codec: 4,
    timestamp: anyRecord.timestamp,
    isIntact: false,
    bytes: randomBytes(5_000),
    reason: 'its CRC-32C differs from its bytes',
  };
  const build = (given: Partial<UnreadableBatch> = {}) =>
    buildBatchDeadLetter({ ...batch, ...given }, { app: 'bq-sink', failedAt: FAILED_AT });
  const read = (letter: OutputRecord) => parseDeadLetter(asRead(letter));

  it('holds the bytes of the batch and says what was left out, and that it is no record', () => {
    const letter = read(build());
    expect(letter).toMatchObject({
      topic: `${SOURCE}.dlq.bq-sink`,
      partition: 4,
      key: null,
      attempt: 1,
      reason: 'structure.unreadable_batch',
      source: { topic: SOURCE, partition: 4, offset: 73, timestamp: new Date(anyRecord.timestamp) },
      batch: { firstOffset: 73, lastOffset: 81, records: 9, baseOffset: 70, bytes: 5_000 },
      cut: undefined,
      needsEdit: true,
      headers: {},
    });
    expect(letter.value?.equals(batch.bytes)).toBe(true);
    expect(letter.reasons.map(({ constraint }) => constraint)).toEqual([
      '9 records, offsets 73 to 81',
      'its CRC-32C differs from its bytes',
    ]);
  });

  it('is cut to what its topic takes, and has the size of the whole batch', () => {
    const letter = read(build({ bytes: randomBytes(5 * 1_048_576) }));
    expect(letter).toMatchObject({ cut: { value: 5 * 1_048_576 }, batch: { bytes: 5 * 1_048_576 }, needsEdit: true });
    expect(letter.value).toHaveLength(1_048_576);
  });

  it('differs from the letter of a whole record and of a cut one', () => {
    expect(read(buildDeadLetter(anyRecord, because({ code: 'x' })))).toMatchObject({
      batch: undefined,
      needsEdit: false,
    });
    const cut = buildDeadLetter({ ...anyRecord, value: randomBytes(6 * 1_048_576) }, because({ code: 'x' }));
    expect(read(cut)).toMatchObject({ batch: undefined, needsEdit: true });
  });

  it.each(['much', '{}', '{"firstOffset":1}'])('is rejected when its header is %s', (value) => {
    const letter = build();
    letter.headers['dlq-batch'] = value;
    expect(() => read(letter)).toThrow('dlq-batch');
  });
});
