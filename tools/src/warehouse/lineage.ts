/** The properties of dbt's `manifest.json` that the lineage shows. */
export interface LineageManifest {
  readonly nodes: Readonly<Record<string, LineageNode>>;
  readonly sources: Readonly<Record<string, LineageNode>>;
  readonly exposures: Readonly<Record<string, LineageNode>>;
}
interface LineageNode {
  readonly unique_id: string;
  readonly resource_type: string;
  readonly name: string;
  readonly label?: string | null;
  readonly depends_on?: { readonly nodes: readonly string[] };
}

interface Box {
  readonly id: string;
  readonly label: string;
  readonly kind: string;
  readonly parents: readonly string[];
  readonly layer: number;
  y: number;
}

const SHOWN: ReadonlySet<string> = new Set(['source', 'model', 'snapshot', 'exposure']);
const WIDTH = 210;
const HEIGHT = 26;
const GAP_X = 90;
const GAP_Y = 14;
const MARGIN = 24;
const TITLE_HEIGHT = 40;
const FILLS: Readonly<Record<string, string>> = {
  source: '#d9ead3',
  staging: '#e8eaed',
  intermediate: '#fff2cc',
  mart: '#cfe2f3',
  live: '#d0e0e3',
  snapshot: '#ead1dc',
  exposure: '#fce5cd',
};

/** Draws the lineage as SVG: sources on the left, each model to the right of everything that it reads. */
export function renderLineage(manifest: LineageManifest): string {
  const boxes = arrange(manifest);
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const layers = Math.max(...boxes.map(({ layer }) => layer)) + 1;
  const rows = Math.max(...boxes.map(({ y }) => y)) + 1;
  const width = MARGIN * 2 + layers * WIDTH + (layers - 1) * GAP_X;
  const height = MARGIN * 2 + TITLE_HEIGHT + rows * (HEIGHT + GAP_Y);
  const left = ({ layer }: Box): number => MARGIN + layer * (WIDTH + GAP_X);
  const top = ({ y }: Box): number => MARGIN + TITLE_HEIGHT + y * (HEIGHT + GAP_Y);
  const edges = boxes.flatMap((box) =>
    box.parents.flatMap((id) => {
      const parent = byId.get(id);
      if (parent === undefined) return [];
      const [x1, y1] = [left(parent) + WIDTH, top(parent) + HEIGHT / 2];
      const [x2, y2] = [left(box), top(box) + HEIGHT / 2];
      const bend = GAP_X / 2;
      return `<path d="M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}"/>`;
    }),
  );
  const rectangles = boxes.map((box) => {
    const fill = FILLS[box.kind] ?? '#ffffff';
    const [x, y] = [left(box), top(box)];
    return (
      `<rect x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="4" fill="${fill}"/>` +
      `<text x="${x + 8}" y="${y + 17}">${box.label}</text>`
    );
  });
  const legend = Object.entries(FILLS).map(
    ([kind, fill], index) =>
      `<rect x="${MARGIN + index * 110}" y="${MARGIN - 8}" width="14" height="14" rx="3" fill="${fill}"/>` +
      `<text x="${MARGIN + index * 110 + 20}" y="${MARGIN + 4}">${kind}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    '<!-- Drawn from the manifest of dbt by `npm run lineage`. -->',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<g stroke="#5f6368">${legend.join('').replaceAll('<text', '<text stroke="none" fill="#202124"')}</g>`,
    `<g fill="none" stroke="#9aa0a6">${edges.join('\n')}</g>`,
    `<g stroke="#5f6368">${rectangles.join('\n').replaceAll('<text', '<text stroke="none" fill="#202124"')}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

function arrange({ nodes, sources, exposures }: LineageManifest): Box[] {
  const shown = [...Object.values(sources), ...Object.values(nodes), ...Object.values(exposures)]
    .filter(({ resource_type }) => SHOWN.has(resource_type))
    .sort((a, b) => a.unique_id.localeCompare(b.unique_id, 'en'));
  const byId = new Map(shown.map((node) => [node.unique_id, node]));
  const parentsOf = (node: LineageNode): string[] =>
    [...new Set(node.depends_on?.nodes ?? [])].filter((id) => byId.has(id)).sort((a, b) => a.localeCompare(b, 'en'));
  const layers = new Map<string, number>();
  const layerOf = (node: LineageNode): number => {
    const known = layers.get(node.unique_id);
    if (known !== undefined) return known;
    const above = parentsOf(node).flatMap((id) => byId.get(id) ?? []);
    const layer = above.length === 0 ? 0 : Math.max(...above.map(layerOf)) + 1;
    layers.set(node.unique_id, layer);
    return layer;
  };
  const boxes = shown.map((node) => ({
    id: node.unique_id,
    label: node.label ?? node.name,
    kind: kindOf(node),
    parents: parentsOf(node),
    layer: layerOf(node),
    y: 0,
  }));
  placeInLayers(boxes);
  return boxes;
}

/** Each layer in the order of the middle of the parents, so that few lines cross. */
function placeInLayers(boxes: readonly Box[]): void {
  const byId = new Map(boxes.map((box) => [box.id, box]));
  const middleOf = ({ parents }: Box): number => {
    const rows = parents.flatMap((id) => byId.get(id)?.y ?? []);
    return rows.length === 0 ? 0 : rows.reduce((sum, y) => sum + y, 0) / rows.length;
  };
  const last = Math.max(...boxes.map(({ layer }) => layer));
  for (let layer = 0; layer <= last; layer++) {
    const inLayer = boxes.filter((box) => box.layer === layer).map((box) => ({ box, middle: middleOf(box) }));
    inLayer.sort((a, b) => a.middle - b.middle || a.box.label.localeCompare(b.box.label, 'en'));
    for (const [index, { box }] of inLayer.entries()) box.y = index;
  }
}

function kindOf({ resource_type, name }: LineageNode): string {
  if (resource_type !== 'model') return resource_type;
  if (name.startsWith('stg_')) return 'staging';
  if (name.startsWith('int_')) return 'intermediate';
  return name.startsWith('live_') ? 'live' : 'mart';
}
