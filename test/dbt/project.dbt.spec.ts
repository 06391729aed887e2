import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { tablesRead } from '../../tools/src/warehouse/cost';
import { renderLineage } from '../../tools/src/warehouse/lineage';
import { type ManifestNode, Warehouse } from './warehouse';

// Runs of dbt.
jest.setTimeout(600_000);

const REPOSITORY = join(__dirname, '..', '..');

const DASHBOARDS = 'deploy/grafana/dashboards';
/** A table in the SQL of a panel. Its name may be a variable of the dashboard. */
const TABLE = /`\$\{dataset\}\.(?:\$\{(\w+)\}|(\w+))`/g;

/** Tables that a model reads by another way than ref: its own, or those that may not exist yet. */
const READ_WITHOUT_REF: Readonly<Record<string, readonly string[]>> = {
  int_days_to_build: ['fact_orders', 'orders_daily_agg'],
  dim_vendors: ['dim_vendors'],
  dim_products: ['dim_products'],
  dim_customers: ['dim_customers'],
};
/** A few rows, and names only what is built first. */
const NOT_COUNTED: ReadonlySet<string> = new Set(['int_days_to_build']);

interface Dashboard {
  readonly title: string;
  readonly panels: readonly { readonly targets?: readonly { readonly rawSql?: string }[] }[];
  readonly templating?: { readonly list: readonly { readonly name: string; readonly query: string }[] };
}

interface Catalog {
  readonly nodes: Readonly<Record<string, { readonly columns: Readonly<Record<string, unknown>> }>>;
}

describe('the project', () => {
  let warehouse: Warehouse;
  let nodes: readonly ManifestNode[];

  beforeAll(async () => {
    warehouse = await Warehouse.create();
    await warehouse.mustRun('run');
    await warehouse.mustRun('snapshot');
    await warehouse.mustRun('docs', 'generate');
    nodes = Object.values(warehouse.manifest().nodes);
  });
  afterAll(() => {
    warehouse.remove();
  });

  const described = () => nodes.filter(({ resource_type }) => ['model', 'snapshot'].includes(resource_type));
  const marts = () =>
    nodes.filter(({ unique_id, schema }) => unique_id.startsWith('model.') && schema === warehouse.dataset);

  it('describes each model by its grain, and each column that it has in the warehouse', () => {
    const catalog = JSON.parse(readFileSync(join(warehouse.output, 'target', 'catalog.json'), 'utf8')) as Catalog;
    expect(described().length).toBeGreaterThan(20);
    for (const { unique_id, description, columns } of described()) {
      expect([unique_id, description]).toEqual([unique_id, expect.stringMatching(/^One row[ :]/)]);
      const documented = Object.values(columns).map((column) => [column.description === '' ? unique_id : '']);
      expect(documented.flat()).toEqual(documented.map(() => ''));
      expect([unique_id, Object.keys(columns).sort()]).toEqual([
        unique_id,
        Object.keys(catalog.nodes[unique_id]?.columns ?? {}).sort(),
      ]);
    }
  });

  it('has a group for each model, and a contract for each mart', () => {
    for (const { unique_id, group } of described().filter(({ resource_type }) => resource_type === 'model')) {
      expect([unique_id, group]).toEqual([unique_id, 'warehouse']);
    }
    for (const { unique_id, config, name } of marts().filter((each) => !each.name.startsWith('live_'))) {
      expect([unique_id, name, config.contract?.enforced]).toEqual([unique_id, name, true]);
    }
  });

  it('passes its unit tests', async () => {
    const { nodes: results } = await warehouse.mustRun('test', '--select', 'test_type:unit');
    expect(results.length).toBeGreaterThan(10);
  });

  it('names every dashboard that reads the warehouse, with the tables that it reads', () => {
    const files = readdirSync(join(REPOSITORY, DASHBOARDS)).filter((file) => file.endsWith('.json'));
    const dashboards = files.map((file) => {
      const path = `${DASHBOARDS}/${file}`;
      const { title, panels, templating } = JSON.parse(readFileSync(join(REPOSITORY, path), 'utf8')) as Dashboard;
      const choices = new Map((templating?.list ?? []).map(({ name, query }) => [name, query.split(',')]));
      const sql = panels.flatMap(({ targets }) => targets ?? []).map(({ rawSql }) => rawSql ?? '');
      const tables = sql
        .flatMap((text) => [...text.matchAll(TABLE)])
        .flatMap(([, variable, table]) => (variable === undefined ? [table] : (choices.get(variable) ?? [variable])));
      return { title, path, tables: [...new Set(tables)].sort() };
    });
    const exposures = Object.values(warehouse.manifest().exposures)
      .filter(({ type }) => type === 'dashboard')
      .map(({ label, config, depends_on }) => ({
        title: label,
        path: config.meta?.file,
        tables: (depends_on?.nodes ?? []).map((id) => id.split('.').at(-1)).sort(),
      }));
    expect(exposures).toEqual(expect.arrayContaining(dashboards.filter(({ tables }) => tables.length > 0)));
    expect(dashboards).toEqual(expect.arrayContaining(exposures));
  });

  it('has the cost of each model that is a table, of the tables that it reads', () => {
    const byId = new Map(nodes.map((node) => [node.unique_id, node]));
    const nameOf = (id: string): string => id.split('.').at(-1) ?? '';
    /** The tables of a node: through views, not through what is only built first. */
    const tablesOf = ({ depends_on, raw_code = '' }: ManifestNode): string[] =>
      (depends_on?.nodes ?? []).flatMap((id) => {
        const parent = byId.get(id);
        if (parent?.config.materialized === 'view') return tablesOf(parent);
        const name = nameOf(id);
        return NOT_COUNTED.has(name) || raw_code.includes(`-- depends_on: {{ ref('${name}') }}`) ? [] : [name];
      });
    const expected = described()
      .filter(({ config }) => config.materialized !== 'view')
      .map((node) => [node.name, [...new Set([...tablesOf(node), ...(READ_WITHOUT_REF[node.name] ?? [])])].sort()]);
    expect(Object.fromEntries([...tablesRead()].map(([model, tables]) => [model, [...tables].sort()]))).toEqual(
      Object.fromEntries(expected),
    );
  });

  it('has the lineage of docs/warehouse-lineage.svg', () => {
    expect(renderLineage(warehouse.manifest())).toBe(
      readFileSync(join(REPOSITORY, 'docs', 'warehouse-lineage.svg'), 'utf8'),
    );
  });
});
