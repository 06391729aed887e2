import { BigQuery } from '@google-cloud/bigquery';
import { type DeadLetter } from '@orderstream/dead-letters';
import { escaped } from '@orderstream/terminal';
import fc from 'fast-check';
import { deadLetterTable } from './dead-letter-lines';
import { cellText, formatTable } from './format-table';
import { queryTable } from './query-table';

/** What a terminal may act on: control characters, and those that reorder or hide text. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\r\n\u009b31m\u202e\u200b';

const FIELDS = [
  { name: 'n', type: 'INTEGER', mode: 'NULLABLE' },
  { name: 'price', type: 'NUMERIC', mode: 'NULLABLE' },
  { name: 'list', type: 'INTEGER', mode: 'REPEATED' },
  { name: 'struct', type: 'RECORD', mode: 'NULLABLE', fields: [{ name: 'value', type: 'INTEGER', mode: 'NULLABLE' }] },
];

/** Converts an answer of the API as the client does, by the options of the query. */
function clientWith(values: object[]): Pick<BigQuery, 'query'> {
  const convert = BigQuery as unknown as {
    mergeSchemaWithRows_(schema: object, rows: object, options: object): unknown[];
  };
  const query = (options: object): Promise<unknown[]> =>
    Promise.resolve([convert.mergeSchemaWithRows_({ fields: FIELDS }, values, options)]);
  return { query } as unknown as Pick<BigQuery, 'query'>;
}

describe('the table of a query', () => {
  it('has 64-bit integers with all their digits, alone, in arrays and in structs', async () => {
    const exact = '9223372036854775807';
    const other = '-9007199254740993';
    const row = {
      f: [
        { v: exact },
        { v: '12345678901234567890123456789.123456789' },
        { v: [{ v: exact }, { v: other }] },
        { v: { f: [{ v: other }] } },
      ],
    };
    const table = await queryTable(clientWith([row]), 'select 1', { projectId: 'p', datasetId: 'd' });
    const [, , line = ''] = table.split('\n');
    expect(line.split(/ {2,}/)).toEqual([
      exact,
      '12345678901234567890123456789.123456789',
      `[${exact},${other}]`,
      `{"value":${other}}`,
    ]);
  });

  it('aligns integers to the right', () => {
    const rows = [{ n: BigQuery.int('5') }, { n: BigQuery.int('12345') }];
    expect(formatTable(rows)).toBe('    n\n-----\n    5\n12345');
  });
});

describe('text for a terminal', () => {
  it('shows control and format characters as escapes, whatever the text is', () => {
    expect(escaped(HOSTILE)).toBe('\\u001b[2J\\u001b]0;owned\\u0007\\r\\n\\u009b31m\\u202e\\u200b');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, value) => {
        const [header = '', rule = '', line = '', ...rest] = formatTable([
          { [name]: value, other: [value, { [name]: value }] },
        ]).split('\n');
        expect(rest).toEqual([]);
        for (const text of [header, rule, line, cellText(value)]) expect(text).not.toMatch(UNSAFE);
        expect(escaped(value, true).replaceAll('\n', '')).not.toMatch(UNSAFE);
      }),
    );
    expect(escaped('Brötchen 日本 😀 a b')).toBe('Brötchen 日本 😀 a b');
  });

  it('escapes every field of a dead letter', () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const letter = {
      failedAt: at,
      firstFailedAt: at,
      app: HOSTILE,
      reason: HOSTILE,
      reasons: [{ code: HOSTILE, path: HOSTILE, constraint: HOSTILE }],
      headers: { ce_type: Buffer.from(HOSTILE) },
      source: { topic: 't\u001b', partition: 1, offset: 9_007_199_254_740_991, timestamp: at },
      value: Buffer.from(HOSTILE),
    } as unknown as DeadLetter;
    const lines = deadLetterTable([letter]).split('\n');
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).not.toMatch(UNSAFE);
    expect(lines[2]).toContain('t\\u001b/1@9007199254740991');
  });
});
