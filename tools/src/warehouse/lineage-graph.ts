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
  readonly raw_code?: string;
  readonly depends_on?: { readonly nodes: readonly string[] };
}

export type BoxKind = 'source' | 'intermediate' | 'mart' | 'live' | 'snapshot' | 'exposure';
export interface Box {
  readonly id: string;
  readonly label: string;
  readonly kind: BoxKind;
  /** Column of the picture: right of everything that the box depends on. */
  readonly layer: number;
}
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** `reads`, or only `follows`: the model is built after it. */
  readonly kind: 'reads' | 'follows';
}
export interface LineageGraph {
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
}

const SHOWN: ReadonlySet<string> = new Set(['source', 'model', 'snapshot', 'exposure']);
/** How a model says that it has to be built after another one. */
const FOLLOWS = /^-- depends_on: \{\{ ref\('(\w+)'\) \}\}/gm;

/**
 * The boxes and edges of the picture. A source and its staging view, which has the same rows, are one box. Of the edges
 * that only say what is built first, those are left out that follow from others.
 */
export function lineageGraph(manifest: LineageManifest): LineageGraph {
  const nodes = [
    ...Object.values(manifest.sources),
    ...Object.values(manifest.nodes),
    ...Object.values(manifest.exposures),
  ]
    .filter(({ resource_type }) => SHOWN.has(resource_type))
    .sort((a, b) => a.unique_id.localeCompare(b.unique_id, 'en'));
  const sourceOf = new Map(
    nodes.flatMap((node) => (isStaging(node) ? [[node.unique_id, dependenciesOf(node)[0] ?? node.unique_id]] : [])),
  );
  const shown = nodes.filter((node) => !isStaging(node));
  const ids = new Set(shown.map(({ unique_id }) => unique_id));
  const edges = shown.flatMap((node) => {
    const followed = new Set([...(node.raw_code ?? '').matchAll(FOLLOWS)].map(([, name]) => name));
    const kinds = new Map<string, Edge['kind']>();
    for (const dependency of dependenciesOf(node)) {
      const from = sourceOf.get(dependency) ?? dependency;
      if (ids.has(from)) kinds.set(from, followed.has(dependency.split('.').at(-1)) ? 'follows' : 'reads');
    }
    return [...kinds].map(([from, kind]): Edge => ({ from, to: node.unique_id, kind }));
  });
  const parents = Map.groupBy(edges, ({ to }) => to);
  const layers = new Map<string, number>();
  const layerOf = (id: string): number => {
    const layer = layers.get(id) ?? Math.max(-1, ...(parents.get(id) ?? []).map(({ from }) => layerOf(from))) + 1;
    layers.set(id, layer);
    return layer;
  };
  return {
    boxes: shown.map((node) => ({
      id: node.unique_id,
      label: node.label ?? node.name,
      kind: kindOf(node),
      layer: layerOf(node.unique_id),
    })),
    edges: edges.filter((edge) => edge.kind === 'reads' || !followsFromOthers(edge, parents)),
  };
}

/** Whether another path leads from the one to the other. */
function followsFromOthers({ from, to }: Edge, parents: ReadonlyMap<string, readonly Edge[]>): boolean {
  const isAbove = (id: string): boolean =>
    (parents.get(id) ?? []).some((edge) => edge.from === from || isAbove(edge.from));
  return (parents.get(to) ?? []).some((edge) => edge.from !== from && isAbove(edge.from));
}

const dependenciesOf = ({ depends_on }: LineageNode): readonly string[] => depends_on?.nodes ?? [];
const isStaging = ({ resource_type, name }: LineageNode): boolean =>
  resource_type === 'model' && name.startsWith('stg_');

function kindOf({ resource_type, name }: LineageNode): BoxKind {
  if (resource_type === 'source' || resource_type === 'snapshot' || resource_type === 'exposure') return resource_type;
  if (name.startsWith('int_')) return 'intermediate';
  return name.startsWith('live_') ? 'live' : 'mart';
}
