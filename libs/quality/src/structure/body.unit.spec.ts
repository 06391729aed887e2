import * as fc from 'fast-check';
import type { RawRecord } from '../index';
import { TestPartition, evaluatorFor, nameOf, placed, reasonsOf, recordOf } from '../../test/fixtures';
import { damagedText, jsonText, referenceParse } from '../../test/json';
import { parseBody } from './body';
import { jsonDetails, scanJson } from './json-scan';

const EVENT = placed({ event_id: 'e-1' });
const json = (): string => JSON.stringify(EVENT);
/** A valid body, and then another member. */
const doubled = (name: string, value: unknown): string => `${json().slice(0, -1)},"${name}":${JSON.stringify(value)}}`;
/** A valid body in which a number is written like this. */
const spelled = (name: string, spelling: string): string => json().replace(`"${name}":2`, `"${name}":${spelling}`);
const valueOf = (value: Buffer | string | null): RawRecord =>
  recordOf(EVENT, { value: value === null ? null : Buffer.from(value) });

describe('structure rules of the body', () => {
  it.each<[string, Buffer | string | null, string]>([
    ['not JSON', 'hello', 'isJson'],
    ['truncated JSON', JSON.stringify(placed()).slice(0, -10), 'isJson'],
    ['an empty value', '', 'isJson'],
    ['a byte order mark', `\uFEFF${JSON.stringify(placed())}`, 'isJson'],
    ['an array', JSON.stringify([placed()]), 'isObject'],
    ['a number', '17', 'isObject'],
    ['null', 'null', 'isObject'],
    ['arrays nested 1,000 deep', '['.repeat(1_000) + ']'.repeat(1_000), 'isObject'],
    ['arrays nested 500,000 deep', '['.repeat(500_000) + ']'.repeat(500_000), 'isObject'],
    ['a tombstone', null, 'required'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), 'isUtf8'],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'isUtf8'],
    [
      'a lone surrogate',
      JSON.stringify(placed({ vendor_name: 'Becker' })).replace('Becker', '\\ud83d'),
      'isWellFormed',
    ],
    ['a lone surrogate in a name', '{"a":{"\\uDE00":1}}', 'isWellFormed'],
    ['a name that stands twice', doubled('item_quantity', 2), 'isUniqueName'],
    ['a name that stands twice with the same value', doubled('vendor_name', 'Becker and Sons'), 'isUniqueName'],
    ['a name that stands twice, once escaped', doubled('item\\u005fquantity', 2), 'isUniqueName'],
    ['a name that stands twice in a nested object', '{"event_type":{"a":1,"b":[{"c":1,"c":1}]}}', 'isUniqueName'],
    [
      'a name that stands twice at a depth of 100,000',
      '{"a":'.repeat(100_000) + '{"b":1,"b":2}' + '}'.repeat(100_000),
      'isUniqueName',
    ],
    ['__proto__ twice', '{"__proto__":1,"__proto__":1}', 'isUniqueName'],
  ])('reject %s as malformed', (_, value, constraint) => {
    const [reason] = reasonsOf(valueOf(value));
    expect(reason).toMatchObject({ code: 'structure.malformed_json', path: 'value' });
    expect(nameOf(reason)).toBe(constraint);
  });

  it('name what stands twice', () => {
    expect(reasonsOf(valueOf(doubled('item_quantity', 2)))[0]?.constraint).toBe(
      'isUniqueName: expected each name once in an object, found "item_quantity" again',
    );
  });

  it.each(['2e0', '2E0', '20e-1', '2.0', '2.0000000000000000001', '0.2e1', '-0', '-0.0', '1e400', '9007199254740993'])(
    'reject the integer %s, and quote it as it is written',
    (spelling) => {
      expect(reasonsOf(valueOf(spelled('item_quantity', spelling)))).toEqual([
        {
          code: 'structure.invalid_field',
          path: 'item_quantity',
          constraint: `isWholeNumber: expected an integer from 1 to 1000, found ${spelling}`,
        },
      ]);
    },
  );

  it.each(['1', '2', '1000', '2 ', '\n2'])('accept the integer %j', (spelling) => {
    expect(new TestPartition().evaluate(valueOf(spelled('item_quantity', spelling))).kind).toBe('accept');
  });

  it('do not take a text for a number or a name', () => {
    const verdict = new TestPartition(evaluatorFor('orders', { 'drift.product': 'off' })).evaluateBody(
      placed({ item_name: '"item_name": 2.0e1, {"a":1,"a":1} [-0] \\' }),
    );
    expect(verdict).toEqual({ kind: 'accept', flags: [] });
  });

  it('agree with an independent parser on JSON with repeated names, escapes and other spellings of numbers', () => {
    const seen = { malformed: 0, repeated: 0, odd: 0, plain: 0 };
    fc.assert(
      fc.property(fc.oneof(jsonText, fc.tuple(jsonText, fc.nat(), fc.string()).map(damagedText)), (text) => {
        const expected = referenceParse(text);
        const parsed = parseBody(Buffer.from(text));
        const found = typeof parsed === 'string' ? (parsed.split(':')[0] ?? '') : parsed.plainNumbers ? 'plain' : 'odd';
        expect(found).toBe(expected);
        if (expected === 'plain' || expected === 'odd') seen[expected]++;
        else seen[expected === 'isUniqueName' ? 'repeated' : 'malformed']++;
        const { repeatedName } = expected === 'isUniqueName' ? jsonDetails(text) : { repeatedName: 'none' };
        expect(repeatedName).toBeDefined();
      }),
      { numRuns: 3_000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
  });

  it('scan any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(scanJson(bytes).names).toBeLessThanOrEqual(bytes.length);
        expect(typeof parseBody(Buffer.from(bytes))).not.toBe('undefined');
      }),
    );
  });

  it('accept an escaped pair of surrogates', () => {
    const body = placed({ vendor_name: 'Becker' });
    const value = Buffer.from(JSON.stringify(body).replace('Becker', '\\ud83d\\ude00'));
    const partition = new TestPartition(evaluatorFor('orders', { 'drift.vendor': 'off' }));
    expect(partition.evaluate(recordOf(body, { value })).kind).toBe('accept');
  });
});
