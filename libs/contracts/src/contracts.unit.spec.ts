import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  bigQuerySchema,
  CE,
  compileChecks,
  envelopeHeaders,
  EVENT_CONTRACTS,
  explain,
  FAMILIES,
  FAMILY_TABLES,
  generatedFiles,
  METADATA_COLUMNS,
  RULE_CODES,
  tableForFamily,
  TABLES,
  TOPICS,
} from './index';
import { contractsOfFamily } from './event-contracts';
import { exampleOf, renderEventsDoc } from './events-doc';

const root = resolve(__dirname, '../../..');
const samples = resolve(__dirname, '../samples');

const TYPES = {
  orders: ['placed', 'paid', 'shipped', 'delivered', 'cancelled', 'returned', 'rated'].map((name) => `order.${name}`),
  interactions: [
    'session.started',
    'product.viewed',
    'search.performed',
    'cart.item_added',
    'cart.item_removed',
    'checkout.started',
    'review.submitted',
  ],
  catalog: [
    'vendor.onboarded',
    'vendor.updated',
    'product.listed',
    'product.price_changed',
    'product.updated',
    'product.delisted',
  ],
  customers: ['customer.registered', 'customer.updated'],
};

describe('contracts', () => {
  it('are the 22 event types of the four families, each with its record key', () => {
    for (const family of FAMILIES) {
      const contracts = contractsOfFamily(family);
      expect(contracts.map(({ type }) => type)).toEqual(TYPES[family]);
      for (const { type, keyField, columns } of contracts) {
        const key = type.startsWith('vendor.') ? 'vendor_id' : type.startsWith('product.') ? 'item_sku' : 'customer_id';
        expect(keyField).toBe(family === 'catalog' ? key : 'customer_id');
        expect(columns.find(({ name }) => name === keyField)?.mode).toBe('REQUIRED');
        expect(columns.slice(0, 3).map(({ name }) => name)).toEqual(['event_id', 'event_type', 'occurred_at']);
      }
    }
    expect(EVENT_CONTRACTS.size).toBe(22);
  });

  it('give order.placed the 13 columns of the original data set and no others', () => {
    const columns = EVENT_CONTRACTS.get('order.placed')?.columns ?? [];
    expect(Object.fromEntries(columns.slice(3).map(({ name, type, mode }) => [name, `${type} ${mode}`]))).toEqual({
      order_id: 'STRING REQUIRED',
      order_placed_at: 'TIMESTAMP REQUIRED',
      order_rating: 'INT64 NULLABLE',
      vendor_id: 'STRING REQUIRED',
      vendor_name: 'STRING REQUIRED',
      vendor_address: 'STRING REQUIRED',
      vendor_vertical: 'STRING REQUIRED',
      customer_id: 'STRING REQUIRED',
      customer_registered_at: 'TIMESTAMP REQUIRED',
      item_sku: 'STRING REQUIRED',
      item_name: 'STRING REQUIRED',
      item_price: 'NUMERIC REQUIRED',
      item_quantity: 'INT64 REQUIRED',
    });
  });

  it('mark personal data', () => {
    const columns = [...EVENT_CONTRACTS.values()].flatMap((contract) => contract.columns);
    expect([...new Set(columns.filter(({ personal }) => personal).map(({ name }) => name))].sort()).toEqual([
      'customer_email',
      'customer_name',
      'review_text',
      'search_terms',
      'vendor_address',
      'vendor_name',
    ]);
  });

  it.each(FAMILIES)('agree within %s on the type of a column and on whether it is personal data', (family) => {
    const byName = new Map<string, unknown>();
    for (const { name, type, personal } of contractsOfFamily(family).flatMap(({ columns }) => columns)) {
      const seen = byName.get(name) ?? { type, personal };
      expect({ name, type, personal }).toEqual({ name, ...Object(seen) });
      byName.set(name, seen);
    }
  });

  it('describe every column and have a valid example of each', () => {
    for (const [type, contract] of EVENT_CONTRACTS) {
      expect(explain(type, exampleOf(contract))).toEqual([]);
      for (const { description, constraint } of contract.columns) {
        expect([description, constraint].every((words) => words.length > 4)).toBe(true);
      }
    }
  });

  it('accept the stored samples of every version that was released', () => {
    const checks = compileChecks();
    expect(readdirSync(samples)).toEqual(['v1']);
    const names = readdirSync(resolve(samples, 'v1'));
    // A new event type needs a sample: libs/contracts/samples/v1/<type>.json, a body as a producer sends it.
    expect(names.map((name) => name.replace(/\.json$/, '')).sort()).toEqual([...EVENT_CONTRACTS.keys()].sort());
    for (const name of names) {
      const body = JSON.parse(readFileSync(resolve(samples, 'v1', name), 'utf8')) as Record<string, unknown>;
      const type = name.replace(/\.json$/, '');
      expect([body.event_type, checks.get(type)?.(body), explain(type, body)]).toEqual([type, true, []]);
    }
  });
});

describe('tables', () => {
  it('are one per family, dead_letters, streaming_orders, and those of the batch', () => {
    expect(FAMILY_TABLES).toEqual({
      orders: 'order_events',
      interactions: 'interaction_events',
      catalog: 'catalog_events',
      customers: 'customer_events',
    });
    expect(Object.keys(TABLES).sort()).toEqual([
      'catalog_events',
      'customer_events',
      'dead_letters',
      'interaction_events',
      'order_events',
      'pipeline_runs',
      'raw_orders',
      'streaming_orders',
    ]);
  });

  it('have the 13 columns of the original in raw_orders, with an exact price', () => {
    const { columns, partitionField } = TABLES.raw_orders ?? { columns: [] };
    expect(columns).toHaveLength(13);
    expect(columns.filter(({ mode }) => mode === 'NULLABLE').map(({ name }) => name)).toEqual(['order_rating']);
    expect(columns.find(({ name }) => name === 'item_price')?.type).toBe('NUMERIC');
    expect(partitionField).toBe('order_placed_at');
  });

  it.each(FAMILIES)('have every column of %s, REQUIRED if all of its types require it', (family) => {
    const spec = tableForFamily(family);
    const contracts = contractsOfFamily(family);
    const own = spec.columns.slice(0, -METADATA_COLUMNS.length);
    expect(spec.columns.slice(-METADATA_COLUMNS.length)).toEqual(METADATA_COLUMNS);
    expect(new Set(own.map(({ name }) => name))).toEqual(
      new Set(contracts.flatMap(({ columns }) => columns.map(({ name }) => name))),
    );
    for (const { name, mode } of own) {
      const everywhere = contracts.every(({ columns }) =>
        columns.some((column) => column.name === name && column.mode === 'REQUIRED'),
      );
      expect([name, mode]).toEqual([name, everywhere ? 'REQUIRED' : 'NULLABLE']);
    }
    expect([spec.partitionField, spec.clustering]).toEqual(['occurred_at', ['_kafka_partition', '_kafka_offset']]);
  });

  it('have only NULLABLE columns in streaming_orders: those of order_events and of a BigQuery subscription', () => {
    const { columns } = TABLES.streaming_orders ?? { columns: [] };
    expect(columns.every(({ mode }) => mode === 'NULLABLE')).toBe(true);
    const names = columns.map(({ name }) => name);
    expect(names.slice(-4)).toEqual(['subscription_name', 'message_id', 'publish_time', 'attributes']);
    expect(names.slice(0, -4)).toEqual(
      tableForFamily('orders')
        .columns.slice(0, -METADATA_COLUMNS.length)
        .map(({ name }) => name),
    );
  });

  it('are valid in BigQuery: distinct names, a TIMESTAMP to partition by, existing columns to cluster by', () => {
    for (const { columns, partitionField, clustering } of Object.values(TABLES)) {
      const names = columns.map(({ name }) => name.toLowerCase());
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((name) => !/^[a-z_][a-z0-9_]{0,299}$/.test(name))).toEqual([]);
      expect(
        names.filter((name) => /^(_table_|_file_|_partition|_row_timestamp|__root__|_colidentifier)/.test(name)),
      ).toEqual([]);
      expect(columns.find(({ name }) => name === partitionField)?.type).toBe('TIMESTAMP');
      expect(clustering.length).toBeLessThanOrEqual(4);
      for (const name of clustering) {
        expect(columns.find((column) => column.name === name)?.mode).toMatch(/REQUIRED|NULLABLE/);
      }
    }
  });

  it('have a schema of name, type, mode and description', () => {
    const fields = bigQuerySchema(tableForFamily('orders'));
    expect(fields.find(({ name }) => name === 'item_price')).toEqual({
      name: 'item_price',
      type: 'NUMERIC',
      mode: 'NULLABLE',
      description: 'Price of one piece of the item.',
    });
    expect(fields.find(({ name }) => name === 'quality_flags')).toMatchObject({ type: 'STRING', mode: 'REPEATED' });
  });
});

describe('generated files', () => {
  it.each([...generatedFiles()])('%s is up to date (npm run generate)', (path, content) => {
    expect(readFileSync(resolve(root, path), 'utf8')).toBe(content);
  });

  it('are the only files in the folder of generated schemas', () => {
    const paths = readdirSync(resolve(__dirname, '../generated')).map((name) => `libs/contracts/generated/${name}`);
    expect(paths.sort()).toEqual([...generatedFiles().keys()].filter((path) => path.startsWith('libs/')).sort());
  });

  it.each(['json-schema', 'avro'])('are the only files in docs/contracts/%s', (folder) => {
    const path = `docs/contracts/${folder}`;
    const paths = readdirSync(resolve(root, path)).map((name) => `${path}/${name}`);
    expect(paths.sort()).toEqual([...generatedFiles().keys()].filter((each) => each.startsWith(path)).sort());
  });
});

describe('docs/events.md', () => {
  const text = renderEventsDoc();
  /** The names in the first column of the first table after a heading. */
  const fieldsUnder = (heading: string): string[] => {
    const [, section = ''] = text.split(`\n${heading}\n`);
    const [before = ''] = section.split(/\n#+ /);
    return [...before.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
  };

  it('contains every event type, topic, rule and table', () => {
    const names = [...EVENT_CONTRACTS.keys(), ...TOPICS.map(({ name }) => name), ...RULE_CODES, ...Object.keys(TABLES)];
    expect(names.filter((name) => !text.includes(`\`${name}\``) && !text.includes(`### ${name}\n`))).toEqual([]);
  });

  it('lists the fields of every event once: those of all events, of its family, and its own', () => {
    const common = fieldsUnder('### Common fields of all events');
    expect(common).toEqual(['event_id', 'event_type', 'occurred_at']);
    const groups = {
      'order.': 'orders',
      'session.': 'interactions',
      'product.viewed': 'interactions',
      'search.': 'interactions',
      'cart.': 'interactions',
      'checkout.': 'interactions',
      'review.': 'interactions',
      'vendor.': '`vendor.*`',
      'product.': '`product.*`',
      'customer.': 'customers',
    };
    for (const [type, { columns }] of EVENT_CONTRACTS) {
      const [, group = ''] = Object.entries(groups).find(([prefix]) => type.startsWith(prefix)) ?? [];
      const listed = [...common, ...fieldsUnder(`#### Common fields of ${group}`), ...fieldsUnder(`#### ${type}`)];
      expect([type, ...listed.sort()]).toEqual([type, ...columns.map(({ name }) => name).sort()]);
    }
  });

  it('has a section for every link inside the document', () => {
    const anchors = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    const links = [...text.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = '']) => anchor);
    expect(links.length).toBe(22);
    expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
  });
});

describe('envelopeHeaders', () => {
  const required = { id: '1', type: 'order.paid', source: '/generator', time: '2026-01-02T03:04:05.678Z' };

  it('are the attributes of CloudEvents 1.0 in Kafka binary mode', () => {
    expect(envelopeHeaders({ ...required, subject: 'abc', traceparent: '00-1-2-01' })).toEqual({
      ce_specversion: '1.0',
      ce_id: '1',
      ce_type: 'order.paid',
      ce_source: '/generator',
      ce_time: '2026-01-02T03:04:05.678Z',
      ce_subject: 'abc',
      'content-type': 'application/json',
      traceparent: '00-1-2-01',
    });
  });

  it('leave out an undefined subject and traceparent', () => {
    const headers = envelopeHeaders({ ...required, subject: undefined });
    expect(Object.keys(headers)).not.toContain(CE.subject);
    expect(Object.keys(headers)).not.toContain(CE.traceparent);
  });
});
