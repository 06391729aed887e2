import { type QueryRow } from '@orderstream/bigquery';

import { at, batchOrder, customerEvent, deadLetter, interaction, placed, productEvent, vendorEvent } from './rows';
import { type Manifest, type ManifestNode, type NodeResult, Warehouse } from './warehouse';

// Runs of dbt.
jest.setTimeout(600_000);

/** The value of a wrong row, by type. Each table has values of its own, so that no relationship holds. */
const wrongValue = (type: string, table: string): string => {
  switch (type) {
    case 'DATE':
      return 'current_date()';
    case 'TIMESTAMP':
      return 'current_timestamp()';
    case 'BOOL':
      return 'true';
    case 'INT64':
      return '-1';
    case 'NUMERIC':
      return 'numeric "-1"';
    case 'BYTES':
      return 'b"wrong"';
    case 'ARRAY<STRING>':
      return '["wrong"]';
    default:
      return `"wrong in ${table}"`;
  }
};

interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
}

/** What a test looks at only in rows with a certain value, beside those in which a column is null. */
const ALSO_WRONG: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  dead_letters: { source: '"stream"' },
};

describe('the data tests', () => {
  let warehouse: Warehouse;

  beforeAll(async () => {
    warehouse = await Warehouse.create();
    await warehouse.insert('raw_orders', [batchOrder({ order: 'both', placedAt: at(1) })]);
    await warehouse.insert('order_events', [placed({ order: 'both', placedAt: at(1) })]);
    await warehouse.insert('catalog_events', [
      vendorEvent('onboarded', 'v1', 'Vendor v1', at(2)),
      productEvent('listed', 's1', '10.00', at(2)),
    ]);
    await warehouse.insert('customer_events', [customerEvent('c1', 'DE', at(2))]);
    await warehouse.insert('interaction_events', [interaction('session.started', 'a', at(1))]);
    await warehouse.insert('dead_letters', [deadLetter(at(1))]);
    await warehouse.mustRun('run');
    await warehouse.mustRun('snapshot');
  });
  afterAll(() => {
    warehouse.remove();
  });

  const testsOf = (nodes: readonly NodeResult[]) => nodes.filter(({ unique_id }) => unique_id.startsWith('test.'));

  it('pass on good rows', async () => {
    const { nodes } = await warehouse.mustRun('test', '--exclude-resource-type', 'unit_test');
    expect(testsOf(nodes).length).toBeGreaterThan(50);
  });

  it('each fail on a table with wrong rows', async () => {
    for (const node of testedNodes(warehouse.manifest())) await plantWrongRows(node);
    const { nodes } = await warehouse.dbt('test', '--exclude-resource-type', 'unit_test');
    const passed = testsOf(nodes)
      .filter(({ status }) => status !== 'fail' && status !== 'warn')
      .map(({ unique_id, status, message }) => `${status} ${unique_id} ${message ?? ''}`);
    expect(passed).toEqual([]);
  });

  /** Everything that a test reads first: its model, snapshot or source. */
  const testedNodes = ({ nodes, sources }: Manifest): ManifestNode[] => {
    const ids = new Set(
      Object.values(nodes)
        .filter(({ resource_type }) => resource_type === 'test')
        .flatMap(({ depends_on }) => depends_on?.nodes ?? []),
    );
    return [...ids].flatMap((id) => nodes[id] ?? sources[id] ?? []);
  };

  /** Two equal wrong rows, and for each column that may be null two in which it is. A view becomes one of these rows. */
  const plantWrongRows = async (node: ManifestNode): Promise<void> => {
    const name = node.identifier ?? node.alias ?? node.name;
    const table = `${node.schema}.${name}`;
    const columns = await columnsOf(node.schema, name);
    const wrong = columns.map((column) => wrongValue(column.type, name));
    const different = [wrong, columns.map((column, index) => ALSO_WRONG[name]?.[column.name] ?? wrong[index])];
    for (const [index, { isRequired, type }] of columns.entries()) {
      if (!isRequired && !type.startsWith('ARRAY')) {
        different.push(wrong.map((value, other) => (other === index ? `cast(null as ${type})` : value)));
      }
    }
    const select = different
      .flatMap((row) => [row, row])
      .map((row) => `select ${row.map((value, index) => `${value} as ${columns[index]?.name ?? ''}`).join(', ')}`)
      .join('\nunion all\n');
    if (node.config.materialized === 'view') {
      await warehouse.query(`create or replace view ${table} as ${select}`);
    } else {
      await warehouse.query(`insert into ${table} (${columns.map((column) => column.name).join(', ')}) ${select}`);
    }
  };

  const columnsOf = async (schema: string, table: string): Promise<TableColumn[]> => {
    const rows: readonly QueryRow[] = await warehouse.query(
      `select column_name, data_type, is_nullable from ${schema}.INFORMATION_SCHEMA.COLUMNS
       where table_name = '${table}' order by ordinal_position`,
    );
    return rows.map(({ column_name, data_type, is_nullable }) => ({
      name: String(column_name),
      type: String(data_type),
      isRequired: is_nullable === 'NO',
    }));
  };
});
