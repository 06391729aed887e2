import { type BoxKind, lineageGraph, type LineageManifest } from './lineage-graph';
import { BOX_HEIGHT, layOut, type PlacedBox, type PlacedEdge } from './lineage-layout';

export { type LineageManifest };

const LEGEND_HEIGHT = 34;
const LEGEND: readonly (readonly [kind: BoxKind, fill: string, title: string, width: number])[] = [
  ['source', '#d9ead3', 'source and its staging view', 196],
  ['intermediate', '#fff2cc', 'intermediate', 106],
  ['mart', '#cfe2f3', 'mart', 62],
  ['live', '#d0e0e3', 'live view', 84],
  ['snapshot', '#ead1dc', 'snapshot', 86],
  ['exposure', '#fce5cd', 'exposure', 88],
];
const FILLS = new Map<string, string>(LEGEND.map(([kind, fill]) => [kind, fill]));
const DASHES = 'stroke-dasharray="4 4"';

/** Draws the lineage as SVG: sources on the left, each model to the right of everything that it depends on. */
export function renderLineage(manifest: LineageManifest): string {
  const { width, height, boxes, edges } = layOut(lineageGraph(manifest));
  const all = height + LEGEND_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${all}" width="${width}" height="${all}" font-family="Helvetica, Arial, 'Liberation Sans', sans-serif" font-size="12" fill="#202124">`,
    '<!-- Drawn from the manifest of dbt by `npm run lineage`. -->',
    `<rect width="${width}" height="${all}" fill="#ffffff"/>`,
    ...legend(),
    `<g transform="translate(0 ${LEGEND_HEIGHT})">`,
    '<g fill="none" stroke="#80868b">',
    ...edges.map(line),
    '</g>',
    ...boxes.map(box),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function legend(): string[] {
  let x = 12;
  const boxes = LEGEND.map(([, fill, title, width]) => {
    const left = x;
    x += width;
    return (
      `<rect x="${left}" y="10" width="14" height="14" rx="3" fill="${fill}" stroke="#5f6368"/>` +
      `<text x="${left + 20}" y="21">${title}</text>`
    );
  });
  const rule = (left: number, title: string, style: string): string =>
    `<path d="M${left} 17 h28" stroke="#80868b" ${style}/><text x="${left + 34}" y="21">${title}</text>`;
  return [...boxes, rule(x, 'reads', ''), rule(x + 84, 'is built after', DASHES)];
}

/** Straight along a column, bent in the gap between two. */
function line({ points, kind }: PlacedEdge): string {
  const [first, ...others] = points;
  if (first === undefined) return '';
  let path = `M${first.x} ${first.y}`;
  let before = first;
  for (const [index, point] of others.entries()) {
    const middle = (before.x + point.x) / 2;
    path += index % 2 === 1 ? ` H${point.x}` : ` C${middle} ${before.y} ${middle} ${point.y} ${point.x} ${point.y}`;
    before = point;
  }
  return `<path d="${path}"${kind === 'follows' ? ` ${DASHES}` : ''}/>`;
}

const box = ({ x, y, width, kind, label }: PlacedBox): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${BOX_HEIGHT}" rx="4" fill="${FILLS.get(kind) ?? '#ffffff'}" stroke="#5f6368"/>` +
  `<text x="${x + 8}" y="${y + 17}">${label}</text>`;
