import { type Box, type Edge, type LineageGraph } from './lineage-graph';

export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface PlacedBox extends Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}
export interface PlacedEdge extends Edge {
  /** From the right side of a box to the left side of another. Between two points is a column, or a gap. */
  readonly points: readonly Point[];
}
export interface LineageLayout {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly edges: readonly PlacedEdge[];
}

export const BOX_HEIGHT = 26;
const GAP_X = 44;
const GAP_Y = 12;
const MARGIN = 12;
/** Wide enough for the fonts that a browser may have. */
const CHARACTER_WIDTH = 7.2;
const PADDING = 8;
/** How often the order in the columns, and the heights, are improved. */
const SWEEPS = 12;

/** A box, or the place at which a longer edge crosses a column. All edges of one box that cross a column share it. */
interface Slot {
  readonly id: string;
  readonly box: Box | undefined;
  readonly layer: number;
  readonly left: Slot[];
  readonly right: Slot[];
  /** Place in the column. */
  order: number;
  /** Middle. */
  y: number;
}

/** Places boxes in columns so that few edges cross, and none crosses a box. */
export function layOut({ boxes, edges }: LineageGraph): LineageLayout {
  const slots = createSlots(boxes, edges);
  const layers = Math.max(...boxes.map(({ layer }) => layer)) + 1;
  const columns = Array.from({ length: layers }, (_, layer) => slots.filter((slot) => slot.layer === layer));
  order(columns);
  setHeights(columns);
  const widths = columns.map(
    (column) => Math.max(...column.map(({ box }) => (box?.label ?? '').length)) * CHARACTER_WIDTH + 2 * PADDING,
  );
  const lefts = widths.map((_, layer) => MARGIN + sum(widths.slice(0, layer)) + layer * GAP_X);
  const top = Math.min(...slots.map(({ y }) => y)) - BOX_HEIGHT / 2 - MARGIN;
  const bottom = Math.max(...slots.map(({ y }) => y)) + BOX_HEIGHT / 2 + MARGIN;
  const bySlot = new Map(slots.map((slot) => [slot.id, slot]));
  const leftOf = (layer: number): number => round(lefts[layer] ?? 0);
  const rightOf = (layer: number): number => round((lefts[layer] ?? 0) + (widths[layer] ?? 0));
  const heightOf = (id: string): number => round((bySlot.get(id)?.y ?? 0) - top);
  const layerOf = new Map(boxes.map(({ id, layer }) => [id, layer]));
  return {
    width: rightOf(layers - 1) + MARGIN,
    height: round(bottom - top),
    boxes: boxes.map((box) => ({
      ...box,
      x: leftOf(box.layer),
      y: round(heightOf(box.id) - BOX_HEIGHT / 2),
      width: round(widths[box.layer] ?? 0),
    })),
    edges: edges.map((edge) => {
      const [first, last] = [layerOf.get(edge.from) ?? 0, layerOf.get(edge.to) ?? 0];
      const points: Point[] = [{ x: rightOf(first), y: heightOf(edge.from) }];
      for (let layer = first + 1; layer < last; layer++) {
        const y = heightOf(crossing(edge.from, layer));
        points.push({ x: leftOf(layer), y }, { x: rightOf(layer), y });
      }
      points.push({ x: leftOf(last), y: heightOf(edge.to) });
      return { ...edge, points };
    }),
  };
}

const crossing = (id: string, layer: number): string => `${id}@${String(layer)}`;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const round = (value: number): number => Math.round(value * 10) / 10;

function createSlots(boxes: readonly Box[], edges: readonly Edge[]): Slot[] {
  const slots = new Map<string, Slot>();
  const slot = (id: string, layer: number, box?: Box): Slot => {
    const known = slots.get(id);
    if (known !== undefined) return known;
    const created: Slot = { id, box, layer, left: [], right: [], order: 0, y: 0 };
    slots.set(id, created);
    return created;
  };
  for (const box of boxes) slot(box.id, box.layer, box);
  for (const { from, to } of edges) {
    const [first, last] = [slots.get(from), slots.get(to)];
    if (first === undefined || last === undefined) continue;
    let before = first;
    for (let layer = first.layer + 1; layer <= last.layer; layer++) {
      const next = layer === last.layer ? last : slot(crossing(from, layer), layer);
      if (!before.right.includes(next)) {
        before.right.push(next);
        next.left.push(before);
      }
      before = next;
    }
  }
  return [...slots.values()];
}

/** Sorts the columns by the mean place of the neighbours, to the right and back, and takes the order with the fewest crossings. */
function order(columns: readonly Slot[][]): void {
  const number = (column: readonly Slot[]): void => {
    for (const [index, slot] of column.entries()) slot.order = index;
  };
  for (const column of columns) number(column);
  let best: { readonly crossings: number; readonly columns: Slot[][] } | undefined;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const side = sweep % 2 === 0 ? 'left' : 'right';
    for (const column of side === 'left' ? columns : columns.toReversed()) {
      const place = new Map(column.map((slot) => [slot, mean(slot[side].map((other) => other.order)) ?? slot.order]));
      column.sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0) || a.order - b.order);
      number(column);
    }
    const crossings = countCrossings(columns);
    if (best === undefined || crossings < best.crossings) {
      best = { crossings, columns: columns.map((column) => [...column]) };
    }
  }
  for (const [index, column] of columns.entries()) {
    column.splice(0, column.length, ...(best?.columns[index] ?? []));
    number(column);
  }
}

function countCrossings(columns: readonly (readonly Slot[])[]): number {
  return sum(
    columns.map((column) => {
      const lines = column.flatMap((slot) => slot.right.map((other) => [slot.order, other.order] as const));
      return sum(lines.map(([a, b], index) => lines.slice(index + 1).filter(([c, d]) => (a - c) * (b - d) < 0).length));
    }),
  );
}

/** Moves each slot towards the mean height of its neighbours, and leaves the gap to the one above it. */
function setHeights(columns: readonly (readonly Slot[])[]): void {
  for (const column of columns) stack(column, () => 0);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const side = sweep % 2 === 0 ? 'left' : 'right';
    for (const column of side === 'left' ? columns : columns.toReversed()) {
      stack(column, (slot) => mean(slot[side].map(({ y }) => y)) ?? slot.y);
    }
  }
}

function stack(column: readonly Slot[], wishOf: (slot: Slot) => number): void {
  const wishes = column.map(wishOf);
  let above: Slot | undefined;
  for (const [index, slot] of column.entries()) {
    const least = above === undefined ? -Infinity : above.y + (halfOf(above) + halfOf(slot)) + GAP_Y;
    slot.y = Math.max(least, wishes[index] ?? 0);
    above = slot;
  }
  const shift = mean(column.map((slot, index) => (wishes[index] ?? 0) - slot.y)) ?? 0;
  for (const slot of column) slot.y += shift;
}

const halfOf = ({ box }: Slot): number => (box === undefined ? 0 : BOX_HEIGHT / 2);
const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : sum(values) / values.length;
