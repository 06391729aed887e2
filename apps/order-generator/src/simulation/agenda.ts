/**
 * Items by the event of the sequence (tick) at which they become due. Each event takes one item, so items that are due
 * together wait in a FIFO queue. The caller bounds the length: it adds an item only when it took one or none was due.
 */
export class Agenda<T> {
  private readonly byTick = new Map<number, T[]>();
  private due: T[] = [];
  private taken = 0;

  at(tick: number, item: T): void {
    const items = this.byTick.get(tick);
    if (items === undefined) this.byTick.set(tick, [item]);
    else items.push(item);
  }

  /** Makes the items of this tick due. Must be called for every tick, in order. */
  advance(tick: number): void {
    const items = this.byTick.get(tick);
    if (items === undefined) return;
    this.byTick.delete(tick);
    this.due = this.taken === this.due.length ? items : [...this.due.slice(this.taken), ...items];
    this.taken = 0;
  }

  /** Removes the next due item. */
  take(): T | undefined {
    const item = this.due[this.taken];
    if (item !== undefined) this.taken++;
    return item;
  }

  /** All items with their ticks, in the order in which they will be taken. A due item has the tick -1. */
  entries(): (readonly [number, T])[] {
    const later = [...this.byTick.entries()].sort(([a], [b]) => a - b);
    return [
      ...this.due.slice(this.taken).map((item): readonly [number, T] => [-1, item]),
      ...later.flatMap(([tick, items]) => items.map((item): readonly [number, T] => [tick, item])),
    ];
  }

  replace(entries: readonly (readonly [number, T])[]): void {
    this.byTick.clear();
    this.due = entries.filter(([tick]) => tick === -1).map(([, item]) => item);
    this.taken = 0;
    for (const [tick, item] of entries) if (tick !== -1) this.at(tick, item);
  }
}
