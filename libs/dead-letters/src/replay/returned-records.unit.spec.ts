import { deadLetterTopic, DLQ_HEADERS, partitionFor, retryTopic, validatedTopic } from '@orderstream/contracts';
import { headerFields, type KafkaRecord } from '@orderstream/kafka';
import { asRead } from '../../test/failed-records';
import { CUSTOMER, LETTERS, letterOf, PARTITION, placed, RAW } from '../../test/order-events';
import { buildDeadLetter } from '../build-dead-letter';
import { parseDeadLetter } from '../parse-dead-letter';
import { type JsonPatch } from './edit';
import { replayTopicOf } from './replay-topic';
import { type Decision, ReturnedRecords } from './returned-records';

function decide(letter: KafkaRecord, edit?: JsonPatch, topic = LETTERS, includeDuplicates = false): Decision {
  const known = replayTopicOf(topic);
  if (known === undefined) throw new TypeError(topic);
  return new ReturnedRecords({ id: 'plan', edit, options: { includeDuplicates } }, known).decide(letter);
}
const codeOf = (decision: Decision): string => ('code' in decision ? decision.code : decision.kind);

describe('a returned record', () => {
  const letter = letterOf(placed('1'), 'reference.unknown_vendor', 7);

  it('of the validator returns to its raw topic as it was, and counts its attempt when it fails again', () => {
    const decision = decide(letter);
    if (decision.kind !== 'return') throw new Error(decision.reason);
    const { record } = decision;
    expect(record).toMatchObject({ topic: RAW, partition: PARTITION, key: letter.key, value: letter.value });
    const names = headerFields(record.headers)
      .map(([name]) => name)
      .filter((name) => name.startsWith('dlq-'));
    expect(names).not.toContain(DLQ_HEADERS.reason);
    const again = buildDeadLetter(asRead(record, RAW, 900), {
      app: 'validator',
      reasons: [{ code: 'x' }],
      failedAt: new Date('2026-02-01T00:00:00.000Z'),
    });
    const parsed = parseDeadLetter(asRead(again, LETTERS, 50));
    expect(parsed).toMatchObject({ attempt: 2, replay: { plan: 'plan', letter: `${String(PARTITION)}/7`, origin: 7 } });
    expect(parsed.firstFailedAt).toEqual(parseDeadLetter(letter).firstFailedAt);
    // The second replay keeps the place of the first attempt.
    const second = decide(asRead(again, LETTERS, 50));
    expect('record' in second && String(second.record.headers[DLQ_HEADERS.replay])).toContain('"origin":7}');
  });

  it('is none of an erased customer, also where it would be parked, and whatever the edit', () => {
    const known = replayTopicOf(LETTERS);
    if (known === undefined) throw new TypeError(LETTERS);
    const often = { ...letter, headers: { ...letter.headers, [DLQ_HEADERS.attempt]: '6' } };
    const edit: JsonPatch = [{ op: 'replace', path: '/item_quantity', value: 1 }];
    for (const [one, patch] of [
      [letter, undefined],
      [often, undefined],
      [letter, edit],
    ] as const) {
      const isErased = (record: KafkaRecord): boolean => record === one;
      const plan = { id: 'plan', edit: patch, options: { includeDuplicates: false } };
      expect(codeOf(new ReturnedRecords({ ...plan, isErased }, known).decide(one))).toBe('replay.erased');
      expect(codeOf(new ReturnedRecords({ ...plan, isErased: () => false }, known).decide(one))).not.toBe(
        'replay.erased',
      );
    }
  });

  it('of another partition than that of its key returns to the partition of its key', () => {
    const other = (PARTITION + 1) % 6;
    const decision = decide({ ...letter, partition: other });
    expect('record' in decision && decision.record.partition).toBe(partitionFor(CUSTOMER));
  });

  it.each(['bq-sink', 'pubsub-bridge'] as const)('of %s returns to its retry topic with its coordinates', (app) => {
    const source = validatedTopic('orders');
    const failed = { topic: source, partition: 2, offset: 33, timestamp: 5, key: letter.key, value: letter.value };
    const context = { app, reasons: [{ code: 'row.rejected' }], failedAt: new Date(0) };
    const topic = deadLetterTopic(source, app);
    const decision = decide(asRead(buildDeadLetter({ ...failed, headers: {} }, context), topic, 4), undefined, topic);
    if (decision.kind !== 'return') throw new Error(decision.reason);
    expect(decision.record).toMatchObject({ topic: retryTopic(source, app), partition: 2 });
    const { headers } = decision.record;
    expect(
      [headers[DLQ_HEADERS.sourceTopic], headers[DLQ_HEADERS.sourcePartition], headers[DLQ_HEADERS.sourceOffset]].map(
        String,
      ),
    ).toEqual([source, '2', '33']);
    const again = asRead(decision.record, retryTopic(source, app), 8);
    expect(parseDeadLetter(asRead(buildDeadLetter(again, context), topic, 9))).toMatchObject({
      attempt: 2,
      source: { topic: source, offset: 33 },
    });
  });

  it('is checked by the contract when it is edited', () => {
    const negative = letterOf(placed('1', { item_price: '-1.00' }), 'structure.invalid_field', 7);
    expect(codeOf(decide(negative, [{ op: 'replace', path: '/item_price', value: '1.00' }]))).toBe('return');
    const wrong = decide(negative, [{ op: 'replace', path: '/item_price', value: 'x' }]);
    expect(codeOf(wrong)).toBe('replay.edit_rejected');
    expect('reason' in wrong && wrong.reason).toContain('item_price');
  });

  it('is none for what is cut, a batch, or a duplicate, unless a person asks for it', () => {
    const with_ = (name: string, value: string): KafkaRecord => ({
      ...letter,
      headers: { ...letter.headers, [name]: Buffer.from(value) },
    });
    const edit: JsonPatch = [{ op: 'replace', path: '', value: placed('1') }];
    expect(codeOf(decide(with_(DLQ_HEADERS.cut, '{"value":9000000}')))).toBe('replay.incomplete');
    expect(codeOf(decide(with_(DLQ_HEADERS.cut, '{"value":9000000}'), edit))).toBe('return');
    expect(codeOf(decide(with_(DLQ_HEADERS.cut, '{"key":2000}'), edit))).toBe('replay.incomplete');
    const batch = '{"firstOffset":1,"lastOffset":2,"records":2,"baseOffset":1,"bytes":9}';
    expect(codeOf(decide(with_(DLQ_HEADERS.batch, batch), edit))).toBe('replay.incomplete');
    const duplicate = letterOf(placed('1'), 'duplicate.order', 7);
    expect(codeOf(decide(duplicate))).toBe('replay.duplicate');
    expect(codeOf(decide(duplicate, undefined, LETTERS, true))).toBe('return');
    expect(codeOf(decide(with_(DLQ_HEADERS.reason, ''), edit))).toBe('return');
    expect(codeOf(decide({ ...letter, headers: {} }))).toBe('replay.unreadable');
  });

  it('is parked above five attempts', () => {
    const often = { ...letter, headers: { ...letter.headers, [DLQ_HEADERS.attempt]: Buffer.from('6') } };
    const decision = decide(often);
    expect('record' in decision && decision.record.topic).toBe(`${LETTERS}.parked`);
    const fifth = { ...letter, headers: { ...letter.headers, [DLQ_HEADERS.attempt]: Buffer.from('5') } };
    expect(codeOf(decide(fifth))).toBe('return');
  });
});

it.each([
  'marketplace.orders.raw.v1',
  'marketplace.orders.raw.v1.dlq.bq-sink',
  'marketplace.orders.validated.v1.dlq.validator',
  'marketplace.orders.raw.v1.dlq.validator.parked',
  'other.raw.v1.dlq.validator',
])('%s is no dead-letter topic that is replayed', (topic) => {
  expect(replayTopicOf(topic)).toBeUndefined();
});
