/**
 * What is to happen at which event of the sequence. Each event of the sequence does one thing, so what comes due
 * together waits its turn, first in, first out. Its length is bounded by its user, who adds only when nothing is due.
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

  /** Makes due what was put at this tick. To be called for every tick, in order. */
  advance(tick: number): void {
    const items = this.byTick.get(tick);
    if (items === undefined) return;
    this.byTick.delete(tick);
    this.due = this.taken === this.due.length ? items : [...this.due.slice(this.taken), ...items];
    this.taken = 0;
  }

  /** The next item that is due. */
  take(): T | undefined {
    const item = this.due[this.taken];
    if (item !== undefined) this.taken++;
    return item;
  }

  /** All items with their ticks, in the order in which they will be taken; what is due already has the tick -1. */
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
