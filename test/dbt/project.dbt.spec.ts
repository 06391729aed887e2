import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { renderLineage } from '../../tools/src/warehouse/lineage';
import { type ManifestNode, Warehouse } from './warehouse';

// Runs of dbt.
jest.setTimeout(600_000);

const REPOSITORY = join(__dirname, '..', '..');

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

  it('has the lineage of docs/warehouse-lineage.svg', () => {
    expect(renderLineage(warehouse.manifest())).toBe(
      readFileSync(join(REPOSITORY, 'docs', 'warehouse-lineage.svg'), 'utf8'),
    );
  });
});
