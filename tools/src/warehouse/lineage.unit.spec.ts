import { lineageGraph, type LineageManifest } from './lineage-graph';
import { BOX_HEIGHT, layOut } from './lineage-layout';

const node = (unique_id: string, parents: readonly string[] = [], raw_code = '') => ({
  unique_id,
  resource_type: unique_id.split('.')[0] ?? '',
  name: unique_id.split('.').at(-1) ?? '',
  raw_code,
  depends_on: { nodes: parents },
});
const byId = (...nodes: readonly ReturnType<typeof node>[]) =>
  Object.fromEntries(nodes.map((each) => [each.unique_id, each]));

/** Two sources and their views; `fact` is built after `days`, and `dim` and `daily` after both; `daily` reads a source. */
const MANIFEST: LineageManifest = {
  sources: byId(node('source.orders'), node('source.vendors')),
  nodes: byId(
    node('model.stg_orders', ['source.orders']),
    node('model.stg_vendors', ['source.vendors']),
    node('model.int_days', ['model.stg_orders']),
    node('model.fact', ['model.stg_orders', 'model.int_days'], "-- depends_on: {{ ref('int_days') }}\nselect 1"),
    node(
      'model.dim',
      ['model.stg_vendors', 'model.fact', 'model.int_days'],
      "-- depends_on: {{ ref('int_days') }}\n-- depends_on: {{ ref('fact') }}\nselect 1",
    ),
    node('model.daily', ['model.fact', 'model.dim', 'model.stg_vendors']),
    node('snapshot.history', ['model.dim']),
    node('test.unique', ['model.dim']),
  ),
  exposures: byId(node('exposure.dashboard', ['source.orders'])),
};

describe('the graph of the lineage', () => {
  const { boxes, edges } = lineageGraph(MANIFEST);

  it('has one box for a source and its staging view, and none for a test', () => {
    expect(boxes.map(({ id }) => id).sort()).toEqual([
      'exposure.dashboard',
      'model.daily',
      'model.dim',
      'model.fact',
      'model.int_days',
      'snapshot.history',
      'source.orders',
      'source.vendors',
    ]);
    expect(edges).toContainEqual({ from: 'source.orders', to: 'model.int_days', kind: 'reads' });
  });

  it('shows what is only built after another, unless that follows from other edges', () => {
    const to = (id: string) => edges.filter((edge) => edge.to === id).map(({ from, kind }) => `${from} ${kind}`);
    expect(to('model.fact').sort()).toEqual(['model.int_days follows', 'source.orders reads']);
    expect(to('model.dim').sort()).toEqual(['model.fact follows', 'source.vendors reads']);
  });

  it('has each box to the right of all that it depends on', () => {
    const layerOf = new Map(boxes.map(({ id, layer }) => [id, layer]));
    for (const { from, to } of edges) expect(layerOf.get(to)).toBeGreaterThan(layerOf.get(from) ?? Infinity);
  });
});

describe('the layout of the lineage', () => {
  const { boxes, edges, width, height } = layOut(lineageGraph(MANIFEST));

  it('has boxes within the picture, and no two that overlap', () => {
    for (const [index, box] of boxes.entries()) {
      expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + BOX_HEIGHT <= height).toBe(true);
      for (const other of boxes.slice(index + 1)) {
        const isApart = box.layer !== other.layer || Math.abs(box.y - other.y) >= BOX_HEIGHT;
        expect([box.id, other.id, isApart]).toEqual([box.id, other.id, true]);
      }
    }
  });

  it('has no edge that crosses a box', () => {
    const inside = edges.flatMap(({ from, to, points }) =>
      points
        .slice(1, -1)
        .flatMap((point) =>
          boxes
            .filter(
              ({ x, y, width: boxWidth }) =>
                point.x >= x && point.x <= x + boxWidth && point.y >= y && point.y <= y + BOX_HEIGHT,
            )
            .map(({ id }) => `${from} to ${to} crosses ${id}`),
        ),
    );
    expect(edges.some(({ points }) => points.length > 2)).toBe(true);
    expect(inside).toEqual([]);
  });
});
