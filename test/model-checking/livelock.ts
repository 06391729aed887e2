/** A growing list of integers, four bytes each. */
export class IntList {
  private items = new Int32Array(1 << 10);
  length = 0;

  push(value: number): void {
    if (this.length === this.items.length) {
      const larger = new Int32Array(this.items.length * 2);
      larger.set(this.items);
      this.items = larger;
    }
    this.items[this.length++] = value;
  }

  at(index: number): number {
    return this.items[index] as number;
  }
}

/**
 * The first state from which no end can be reached (a livelock), found by walking the edges backwards from the ends.
 * Undefined if there is none. Edge i leads from state `from.at(i)` to state `to.at(i)`.
 */
export function firstTrap(states: number, from: IntList, to: IntList, ends: IntList): number | undefined {
  const offsets = new Int32Array(states + 1);
  for (let edge = 0; edge < to.length; edge++) {
    const target = to.at(edge) + 1;
    offsets[target] = (offsets[target] as number) + 1;
  }
  for (let state = 0; state < states; state++) {
    offsets[state + 1] = (offsets[state + 1] as number) + (offsets[state] as number);
  }
  const next = offsets.slice();
  const sources = new Int32Array(to.length);
  for (let edge = 0; edge < to.length; edge++) {
    const target = to.at(edge);
    const slot = next[target] as number;
    next[target] = slot + 1;
    sources[slot] = from.at(edge);
  }
  const leadsToAnEnd = new Uint8Array(states);
  const work: number[] = [];
  for (let end = 0; end < ends.length; end++) {
    leadsToAnEnd[ends.at(end)] = 1;
    work.push(ends.at(end));
  }
  for (let state = work.pop(); state !== undefined; state = work.pop()) {
    const last = offsets[state + 1] as number;
    for (let slot = offsets[state] as number; slot < last; slot++) {
      const source = sources[slot] as number;
      if (leadsToAnEnd[source] === 1) continue;
      leadsToAnEnd[source] = 1;
      work.push(source);
    }
  }
  const trap = leadsToAnEnd.indexOf(0);
  return trap < 0 ? undefined : trap;
}
