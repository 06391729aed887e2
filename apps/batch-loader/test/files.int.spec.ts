import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadSettings } from '@orderstream/config';
import { RAW_ORDER_COLUMNS } from '@orderstream/contracts';
import { batchLoaderSettings } from '../src/batch-loader.config';
import { dryRun } from '../src/commands/dry-run';
import { Database } from '../src/duckdb/database';
import { parseMapping } from '../src/files/column-mapping';
import { createRows } from '../src/files/order-source';
import { type RunPlan } from '../src/runs/run';

/** Files of orders as people send them: what is loaded, what is rejected and why, and what is an error. */

const folder = mkdtempSync(join(tmpdir(), 'orderstream-files-'));
const scratch = join(folder, 'scratch');
const settings = loadSettings(batchLoaderSettings, {
  BATCH_SCRATCH_DIR: scratch,
  BATCH_MAX_REJECTED_SHARE: '{"*":1}',
}).batch;

type Order = Record<(typeof RAW_ORDER_COLUMNS)[number], string>;
/** Of a Parquet file that another program has written. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['order_placed_at', 'timestamp'],
  ['order_rating', 'double'],
  ['item_price', 'double'],
  ['item_quantity', 'int'],
]);
const hex = (digit: string): string => digit.repeat(64);

const order = (number: number, changes: Partial<Order> = {}): Order => ({
  order_id: hex(number.toString(16)),
  order_placed_at: `2026-01-02T10:00:0${number}Z`,
  order_rating: '4',
  vendor_id: hex('a'),
  vendor_name: 'Becker and Sons',
  vendor_address: '7 Mill Road, Springfield',
  vendor_vertical: 'Books',
  customer_id: hex('c'),
  customer_registered_at: '2025-01-01T00:00:00Z',
  item_sku: '00000000-0000-4000-8000-000000000001',
  item_name: 'Desk lamp',
  item_price: '12.90',
  item_quantity: '2',
  ...changes,
});

const csv = (orders: readonly Order[], delimiter = ','): string =>
  [RAW_ORDER_COLUMNS, ...orders.map((each) => RAW_ORDER_COLUMNS.map((name) => each[name]))]
    .map((values) => values.map((value) => (value === '' ? '' : `"${value}"`)).join(delimiter))
    .join('\n')
    .concat('\n');

interface Answer {
  readonly code: number;
  readonly text: string;
}

async function check(name: string, content: string | Buffer, mapping?: string): Promise<Answer> {
  const uri = join(folder, name);
  writeFileSync(uri, content);
  return checkFile(uri, mapping);
}

async function checkFile(uri: string, mapping?: string): Promise<Answer> {
  const plan: RunPlan = {
    pipeline: 'load_file_to_bq',
    scheduledAt: '2026-02-01T00:00:00Z',
    range: { from: '2026-01-01', to: '2026-02-01' },
    source: { kind: 'file', uri, ...(mapping !== undefined && { mapping }) },
  };
  let text = '';
  const code = await dryRun([plan], settings, { write: (written) => (text += written) });
  const costs = /^ {2}\w+: \d+ rows, [\d.]+ s, up to \d+ MB of memory\n/gm;
  expect(text.match(costs)).toHaveLength(2);
  return { code, text: text.replaceAll(costs, '') };
}

/** The prices that the rules see. */
async function pricesOf(content: string, mapping: string): Promise<readonly unknown[]> {
  const path = join(folder, 'prices.csv');
  writeFileSync(path, content);
  const database = await Database.open({ folder: join(folder, 'prices'), memoryMb: 256 });
  try {
    await createRows(database, path, parseMapping(path, mapping), path, new AbortController().signal);
    return (await database.rows('select item_price from rows order by row_number')).map((row) => row.item_price);
  } finally {
    await database.close();
  }
}

const loads = (rows: number, rejected = 0): string =>
  `${rows} rows for 2026-01-01 to 2026-01-31: ${rows - rejected} would be loaded, ${rejected} rejected.`;

afterEach(() => {
  // Nothing is left behind.
  expect(readdirSync(scratch)).toEqual([]);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('a file of orders', () => {
  it('is read as CSV, with a byte order mark and an empty rating', async () => {
    const { code, text } = await check('bom.csv', `\ufeff${csv([order(1), order(2, { order_rating: '' })])}`);
    expect(text).toBe(`${loads(2)}\n`);
    expect(code).toBe(0);
  });

  it('is read as JSON lines, with numbers or texts', async () => {
    const lines = [{ ...order(1), item_quantity: 2, item_price: 12.9, order_rating: null }, order(2)];
    const { text } = await check('orders.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    expect(text).toBe(`${loads(2)}\n`);
  });

  it('is read as Parquet, with types of its own', async () => {
    const path = join(folder, 'typed.parquet');
    const database = await Database.open({ folder: join(folder, 'writer'), memoryMb: 256 });
    const first = order(1);
    const columns = RAW_ORDER_COLUMNS.map(
      (name) => `cast('${first[name].replace('Z', '')}' as ${TYPES.get(name) ?? 'varchar'}) as ${name}`,
    );
    await database.run(`copy (select ${columns.join(', ')}) to '${path}' (format parquet)`);
    await database.close();
    expect((await checkFile(path)).text).toBe(`${loads(1)}\n`);
  });

  it('has other names, a semicolon, decimal commas and other times by its mapping', async () => {
    const content = csv([order(1, { item_price: '1.012,90', order_placed_at: '02.01.2026 10:00:00' })], ';').replace(
      'order_id',
      'Bestellnummer',
    );
    const mapping =
      'delimiter: ";"\ndecimal: ","\ntimestamps: "%d.%m.%Y %H:%M:%S"\ncolumns: { order_id: Bestellnummer }\n';
    const registered = content.replace('2025-01-01T00:00:00Z', '01.01.2025 00:00:00');
    expect((await check('german.csv', registered, mapping)).text).toBe(`${loads(1)}\n`);
  });

  it('is read in the encoding of its mapping', async () => {
    const content = Buffer.from(csv([order(1, { vendor_name: 'Bäcker' })]), 'latin1');
    await expect(check('latin.csv', content)).rejects.toThrow(
      /latin\.csv is not utf-8: line 2 is not\. Say its encoding/,
    );
    expect((await check('latin.csv', content, 'encoding: windows-1252')).text).toBe(`${loads(1)}\n`);
    const utf16 = Buffer.from(`\ufeff${csv([order(1)])}`, 'utf16le');
    await expect(check('utf16.csv', utf16)).rejects.toThrow(/byte order mark of UTF-16: say encoding: utf-16le/);
    expect((await check('utf16.csv', utf16, 'encoding: utf-16le')).text).toBe(`${loads(1)}\n`);
  });

  it.each<[what: string, reason: string, changes: Partial<Order>]>([
    ['a decimal comma', 'structure.invalid_field', { item_price: '12,90' }],
    ['a price with three decimals', 'structure.invalid_field', { item_price: '12.905' }],
    ['a text in the place of a number', 'structure.invalid_field', { item_quantity: 'two' }],
    ['a number above its limit', 'structure.invalid_field', { item_quantity: '1001' }],
    ['a time that is none', 'structure.invalid_field', { order_placed_at: 'yesterday' }],
    ['an id that is no hash', 'structure.invalid_field', { customer_id: '4711' }],
    ['a missing value', 'structure.invalid_field', { vendor_id: '' }],
    ['an order before the range', 'batch.out_of_range', { order_placed_at: '2025-12-31T23:59:59.999999Z' }],
    ['an order after the range', 'batch.out_of_range', { order_placed_at: '2026-02-01T00:00:00Z' }],
    ['an order before the registration', 'time.before_registration', { order_placed_at: '2024-01-01T00:00:00Z' }],
    ['an order_id that another row has', 'duplicate.event', { order_id: hex('1') }],
    ['the same order_id of another customer', 'duplicate.event', { order_id: hex('1'), customer_id: hex('d') }],
    ['the same customer, vendor and time', 'duplicate.order', { order_placed_at: '2026-01-02T10:00:01Z' }],
  ])('rejects %s as %s and loads the other row', async (_what, reason, changes) => {
    const { text } = await check('row.csv', csv([order(1), order(2, changes)]));
    expect(text).toContain(loads(2, 1));
    expect(text).toContain(`  ${reason}: 1 rejected\n    line 3: `);
  });

  it('repairs names that differ from those of the first row', async () => {
    const { text } = await check(
      'drift.csv',
      csv([order(1), order(2, { vendor_name: 'Becker & Sons', item_name: 'Lamp' })]),
    );
    expect(text).toContain(loads(2));
    expect(text).toContain('drift.vendor: 1 repaired or flagged');
    expect(text).toContain('drift.product: 1 repaired or flagged');
  });

  it('counts a point as a group of thousands only where there are three digits', async () => {
    const prices = ['1.012,90', '12.50', '12.34,5', '1,012.90'];
    const orders = prices.map((item_price, index) => order(index, { item_price }));
    const { text } = await check('commas.csv', csv(orders, ';'), 'delimiter: ";"\ndecimal: ","\n');
    expect(text).toContain(loads(4, 2));
    expect(text).toMatch(/line 4: .*found \\"12\.34,5\\".*\n +line 5: .*found \\"1,012\.90\\"/);
    expect(await pricesOf(csv(orders, ';'), 'delimiter: ";"\ndecimal: ","\n')).toEqual([
      '1012.90',
      '12.50',
      '12.34,5',
      '1,012.90',
    ]);
  });

  it('has further columns, whatever their names are', async () => {
    const [header = '', ...rows] = csv([order(1)])
      .trim()
      .split('\n');
    const content = [`${header},problem,row_number,line`, ...rows.map((row) => `${row},none,7,x`)].join('\n');
    expect((await check('more.csv', content)).text).toBe(`${loads(1)}\n`);
    const line = JSON.stringify({ ...order(1), problem: 'none', row_number: 7, line: 'x' });
    expect((await check('more.jsonl', line)).text).toBe(`${loads(1)}\n`);
  });

  it('has any line end, and the last one or not', async () => {
    const [header = '', first = '', second = ''] = csv([order(1), order(2)]).split('\n');
    expect((await check('ends.csv', `${header}\r\n${first}\n\n${second}`)).text).toBe(`${loads(2)}\n`);
  });

  it('rejects lines that are no rows, with their numbers', async () => {
    const [header = '', first = '', second = ''] = csv([order(1), order(2)]).split('\n');
    const long = csv([order(3, { item_name: 'x'.repeat(2_000_000) })]).split('\n')[1] ?? '';
    const open = second.replace('"Desk', '"Desk"');
    const broken = await check(
      'broken.csv',
      [header, first, '"one","two"', '', long, open, second.replace('"Books"', 'B"ooks'), ''].join('\n'),
    );
    expect(broken.text).toContain(loads(5, 4));
    expect(broken.text).toMatch(
      /batch\.unreadable_row: 3 rejected\n +line 3: .*2 fields in place of 13.*\n +line 5: .*longer than.*\n +line 6: .*text follows/,
    );
    expect(broken.text).toMatch(/structure\.invalid_field: 1 rejected\n +line 7: .*vendor_vertical/);
    const json = await check('broken.jsonl', `${JSON.stringify(order(1))}\n\n{"order_id": \n[1]\n{"a":1,"a":2}\n`);
    expect(json.text).toContain(loads(4, 3));
    expect(json.text).toMatch(
      /batch\.unreadable_row: 3 rejected\n +line 3: .*line 3 is not JSON.*\n +line 4: .*not a JSON object.*\n +line 5: .*key twice/,
    );
  });

  it('names the row of a doubled order_id in the words of the file', async () => {
    const { text } = await check('doubled.csv', csv([order(1), order(2, { order_id: hex('1') })]));
    expect(text).toMatch(/line 3: .*expected an order_id that no row before has/);
  });

  it.each<[what: string, name: string, content: string | Buffer, message: RegExp]>([
    ['an empty file', 'empty.csv', '', /empty\.csv is empty/],
    ['an empty Parquet file', 'empty.parquet', '', /empty\.parquet is empty/],
    ['a file with a header only', 'header.csv', csv([]), /header\.csv has no rows/],
    [
      'missing columns',
      'few.csv',
      'order_id,item_sku\n1,2\n',
      /does not have the columns order_placed_at, .*It has order_id, item_sku/,
    ],
    [
      'a broken footer of Parquet',
      'broken.parquet',
      Buffer.from('PAR1 and then nothing'),
      /broken\.parquet cannot be read as parquet: /,
    ],
    ['an unknown extension', 'orders.xlsx', 'x', /no known extension/],
    ['compressed', 'packed.csv', gzipSync(csv([order(1)])), /packed\.csv is compressed with gzip\. Unpack it/],
    ['UTF-16 without a mark', 'wide.csv', Buffer.from(csv([order(1)]), 'utf16le'), /say encoding: utf-16le/],
    [
      'of another delimiter',
      'semicolon.csv',
      csv([order(1)], ';'),
      /text follows the closing quote of field 1\. Its delimiter is "," unless/,
    ],
    [
      'of another delimiter, without quotes',
      'pipe.csv',
      RAW_ORDER_COLUMNS.join('|'),
      /has one column.* Say delimiter: "\|"/,
    ],
    ['of a column twice', 'twice.csv', csv([order(1)]).replace('item_name', 'item_sku'), /the column item_sku twice/],
    ['a JSON array', 'array.json', JSON.stringify([order(1)]), /is a JSON array.* jq -c '\.\[\]'/],
    ['JSON of several lines', 'pretty.json', JSON.stringify(order(1), undefined, 2), /no line that is a JSON object/],
  ])('is an error if it is %s', async (_what, name, content, message) => {
    await expect(check(name, content)).rejects.toThrow(message);
  });

  it('is an error if its mapping is wrong', async () => {
    await expect(check('map.csv', csv([order(1)]), 'columns: { order: x }\ndecimal: ";"')).rejects.toThrow(
      /The mapping is invalid: decimal: .*columns/,
    );
  });
});
