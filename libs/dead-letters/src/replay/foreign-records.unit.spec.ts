import { randomBytes } from 'node:crypto';
import { partitionFor, rawTopic } from '@orderstream/contracts';
import { type HeaderField, headerFields, headersOf, type KafkaRecord, type TopicLimits } from '@orderstream/kafka';
import { asRead } from '../../test/failed-records';
import { CUSTOMER, letterOf, placed } from '../../test/order-events';
import { parseForeignLetter } from '../import/foreign-letter';
import { type JsonPatch } from './edit';
import { ForeignRecords } from './foreign-records';
import { type Decision } from './returned-records';
import { sourceTopicProblem, type SourceTopics } from './source-topics';

const LETTERS = 'connect.dlq';
const RAW = rawTopic('orders');
const FOREIGN = new Set([LETTERS, 'billing-dlt']);
const TOPICS: ReadonlyMap<string, TopicLimits> = new Map([
  ['invoices', { partitions: 4, maxMessageBytes: 2_000 }],
  [RAW, { partitions: 6, maxMessageBytes: 4_000_000 }],
]);
const sources: Pick<SourceTopics, 'find' | 'refresh'> = {
  refresh: () => Promise.resolve(),
  find: (name) => {
    const problem = sourceTopicProblem(name, FOREIGN);
    return problem === undefined ? (TOPICS.get(name) ?? { problem: `${name} does not exist` }) : { problem };
  },
};

interface Letter {
  readonly topic?: string | null;
  readonly partition?: string;
  readonly key?: Buffer | null;
  readonly value?: Buffer | null;
  readonly headers?: readonly HeaderField[];
}

function letter({ topic = 'invoices', partition = '2', key, value, headers = [] }: Letter = {}): KafkaRecord {
  const fields: HeaderField[] = [
    ['a', Buffer.from('1')],
    ...(topic === null ? [] : [['__connect.errors.topic', Buffer.from(topic)] as const]),
    ['__connect.errors.partition', Buffer.from(partition)],
    ['__connect.errors.offset', Buffer.from('70')],
    ['__connect.errors.stage', Buffer.from('TASK_PUT')],
    ...headers,
  ];
  return {
    ...{ topic: LETTERS, partition: 9, offset: 40, timestamp: Date.UTC(2026, 2, 1) },
    key: key === undefined ? Buffer.from('k') : key,
    value: value === undefined ? Buffer.from('{"amount":1,"note":"x"}') : value,
    headers: headersOf(fields),
  };
}

const decide = (record: KafkaRecord, edit?: JsonPatch): Decision =>
  new ForeignRecords({ id: 'plan', edit, options: { includeDuplicates: false } }, sources).decide(record);
const codeOf = (decision: Decision): string => ('code' in decision ? decision.code : decision.kind);
function returned(decision: Decision) {
  if (decision.kind !== 'return') throw new Error(decision.reason);
  return decision.record;
}
const text = (value: unknown): string => String(value);

describe('a record that returns to the topic of another program', () => {
  it('is the record that failed, in its partition, with the mark of the replay', () => {
    const record = returned(decide(letter()));
    expect(record).toMatchObject({ topic: 'invoices', partition: 2, key: Buffer.from('k') });
    expect(text(record.value)).toBe('{"amount":1,"note":"x"}');
    expect(headerFields(record.headers).map(([name, value]) => [name, text(value)])).toEqual([
      ['a', '1'],
      ['dlq-attempt', '1'],
      ['dlq-first-failed-at', '2026-03-01T00:00:00.000Z'],
      ['dlq-replay', '{"plan":"plan","letter":"9/40","origin":70}'],
    ]);
  });

  it('counts its attempts each time, and keeps the place and the time of the first one', () => {
    const first = returned(decide(letter()));
    const failed = letter({ headers: headerFields(asRead(first, 'invoices', 300).headers).slice(1) });
    const again = { ...failed, timestamp: Date.UTC(2026, 5, 1), offset: 90 };
    expect(parseForeignLetter(again)).toMatchObject({ attempt: 2, replay: { plan: 'plan', letter: '9/40' } });
    const { headers } = returned(decide(again));
    expect(text(headers['dlq-attempt'])).toBe('2');
    expect(text(headers['dlq-first-failed-at'])).toBe('2026-03-01T00:00:00.000Z');
    expect(text(headers['dlq-replay'])).toBe('{"plan":"plan","letter":"9/90","origin":70}');
    const sixth = letter({
      headers: [
        ['dlq-attempt', '5'],
        ['dlq-replay', text(headers['dlq-replay'])],
      ],
    });
    expect(codeOf(decide(sixth))).toBe('replay.attempts');
  });

  it('goes by its key where its partition is gone or not known', () => {
    expect(returned(decide(letter({ partition: '4' }))).partition).toBe(partitionFor('k', 4));
    expect(returned(decide(letter({ partition: 'x' }))).partition).toBe(partitionFor('k', 4));
    expect(returned(decide(letter({ partition: '4', key: null }))).partition).toBe(9 % 4);
  });

  it.each([
    ['names no topic', null, 'replay.source_unknown', 'name no source topic'],
    ['is gone', 'payments', 'replay.source_topic', 'payments does not exist'],
    ['is one of this system', 'marketplace.orders.validated.v1', 'replay.source_topic', 'and not a raw one'],
    ['is one of its dead letters', `${RAW}.dlq.validator`, 'replay.source_topic', 'and not a raw one'],
    ['is one of the broker', '__consumer_offsets', 'replay.source_topic', 'internal topic'],
    ['is its own topic', LETTERS, 'replay.source_topic', 'dead letters'],
    ['is another topic of dead letters', 'billing-dlt', 'replay.source_topic', 'dead letters'],
  ])('is none if its source topic %s', (_, topic, code, reason) => {
    const decision = decide(letter({ topic }));
    expect(codeOf(decision)).toBe(code);
    expect('reason' in decision && decision.reason).toContain(reason);
  });

  it('is none if it is no letter, of an erased customer, or too large for the topic', () => {
    expect(codeOf(decide({ ...letter(), headers: {} }))).toBe('replay.unreadable');
    const plan = { id: 'plan', options: { includeDuplicates: false }, isErased: () => true };
    expect(codeOf(new ForeignRecords(plan, sources).decide(letter()))).toBe('replay.erased');
    expect(codeOf(decide(letter({ value: randomBytes(3_000) })))).toBe('replay.too_large');
    expect(codeOf(decide(letter({ value: Buffer.alloc(3_000) })))).toBe('return');
  });

  it('is edited as JSON, whatever it is, without a contract', () => {
    const edit: JsonPatch = [{ op: 'replace', path: '/amount', value: '2.00' }];
    const decision = decide(letter(), edit);
    expect(text(returned(decision).value)).toBe('{"amount":"2.00","note":"x"}');
    expect('editedFrom' in decision && decision.editedFrom).toMatch(/^[0-9a-f]{64}$/);
    expect(codeOf(decide(letter({ value: Buffer.from('not JSON') }), edit))).toBe('replay.edit_rejected');
    expect(codeOf(decide(letter({ value: null }), edit))).toBe('replay.edit_rejected');
    expect(codeOf(decide(letter({ value: Buffer.from('{"note":"x"}') }), edit))).toBe('replay.edit_rejected');
    const list = decide(letter({ value: Buffer.from('[1,2]') }), [{ op: 'remove', path: '/0' }]);
    expect(text(returned(list).value)).toBe('[2]');
    expect(codeOf(decide(letter(), [{ op: 'remove', path: '' }]))).toBe('replay.edit_rejected');
  });

  it('is a new event when it is edited, if it is an event', () => {
    const event = letter({ headers: [['ce_id', Buffer.from('e-1')]] });
    const edit: JsonPatch = [{ op: 'remove', path: '/note' }];
    const { headers } = returned(decide(event, edit));
    expect(text(headers.ce_causationid)).toBe('e-1');
    expect(text(headers.ce_id)).toMatch(/^[0-9a-f]{8}-/);
    expect(returned(decide(event, edit)).headers.ce_id).toEqual(headers.ce_id);
    expect(returned(decide(letter(), edit)).headers.ce_id).toBeUndefined();
  });

  it('of a raw topic goes to the partition of its key, and is edited by its contract', () => {
    const own = letterOf(placed('1', { item_price: '-1.00' }), 'x', 7);
    const { key, value } = own;
    const headers = headerFields(own.headers).filter(([name]) => name.startsWith('ce_') || name === 'content-type');
    const raw = letter({ ...{ topic: RAW, partition: '5', key, value, headers } });
    expect(returned(decide(raw)).partition).toBe(partitionFor(CUSTOMER));
    expect(codeOf(decide(raw, [{ op: 'replace', path: '/item_price', value: '1.00' }]))).toBe('return');
    expect(codeOf(decide(raw, [{ op: 'replace', path: '/item_price', value: 'x' }]))).toBe('replay.edit_rejected');
    expect(codeOf(decide(raw, [{ op: 'replace', path: '/customer_id', value: 'x' }]))).toBe('replay.edit_rejected');
  });
});
