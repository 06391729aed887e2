import { deadLetterTopic, rawTopic, validatedTopic } from '@orderstream/contracts';
import { type HeaderField, headerFields, headersOf, type KafkaRecord } from '@orderstream/kafka';
import type { Verdict } from '@orderstream/quality';
import fc from 'fast-check';
import { Outputs } from './outputs';

const NOW = new Date('2026-03-04T05:06:07.000Z');
const SETTINGS = Buffer.from('s1');
const POSITION = Buffer.from('0:7');
const ACCEPTED: Verdict = { kind: 'accept', flags: [] };
const REPAIRED: Verdict = { kind: 'repair', body: { a: 1 }, flags: ['drift.vendor', 'time.too_late'] };
const REJECTED: Verdict = { kind: 'reject', reasons: [{ code: 'structure.malformed_json' }] };

const recordWith = (fields: readonly HeaderField[]): KafkaRecord => ({
  topic: rawTopic('orders'),
  partition: 3,
  offset: 17,
  timestamp: 1_000,
  key: Buffer.from('k'),
  value: Buffer.from('{}'),
  headers: headersOf(fields),
});

/** The headers of the record that the verdict leads to, as text. */
function outputHeaders(fields: readonly HeaderField[], verdict: Verdict): [string, string | undefined][] {
  const evaluatedBy = { settings: SETTINGS, catalogPosition: POSITION };
  const output = new Outputs('orders').forVerdict(recordWith(fields), verdict, evaluatedBy, NOW);
  const isRejected = verdict.kind === 'reject';
  expect(output?.topic).toBe(isRejected ? deadLetterTopic(rawTopic('orders'), 'validator') : validatedTopic('orders'));
  return headerFields(output?.headers ?? {}).map(([name, value]) => [name, value?.toString()]);
}

const text = ([name, value]: HeaderField): [string, string | undefined] => [name, value?.toString()];
const ADDED = [
  ['quality-settings', 's1'],
  ['quality-catalog-position', '0:7'],
];

describe('the headers of an output', () => {
  const repeated: HeaderField[] = [
    ['a', Buffer.from('1')],
    ['b', Buffer.from('2')],
    ['a', Buffer.from('3')],
    ['10', null],
    ['9', Buffer.from('4')],
  ];

  it.each([
    ['an accepted', ACCEPTED, ADDED],
    ['a repaired', REPAIRED, [...ADDED, ['quality-flags', 'drift.vendor,time.too_late']]],
  ])('of %s record are in the order in which they came, also repeated ones', (_, verdict, added) => {
    expect(outputHeaders(repeated, verdict)).toEqual([...repeated.map(text), ...added]);
  });

  it('of a dead letter are in the order in which they came, also repeated ones', () => {
    expect(outputHeaders(repeated, REJECTED).slice(0, repeated.length)).toEqual(repeated.map(text));
  });

  it('of a validated record are the list of the input without those of an earlier verdict, whatever they are', () => {
    const name = fc.oneof(
      fc.constantFrom('a', 'b', '7', '10', '__proto__', 'constructor', 'dlq-reason', 'quality-flags', 'quality-x', ''),
      fc.string({ unit: 'grapheme', maxLength: 5 }),
    );
    const value = fc.option(fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (fields) => {
        const onward = fields.filter(([name]) => !/^(?:dlq|quality)-/.test(name));
        expect(outputHeaders(fields, ACCEPTED)).toEqual([...onward.map(text), ...ADDED]);
      }),
    );
  });
});
